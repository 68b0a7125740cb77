/**
 * The log records of the space manager, and how each is redone and undone. All of them are
 * page-oriented both ways: the page a record names is the page its undo changes.
 *
 * | operation       | page         | payload                                            | undo     |
 * |-----------------|--------------|----------------------------------------------------|----------|
 * | FORMAT_MAP      | a map page   | none                                               | passed over |
 * | ALLOCATE        | the map page | 0: pageId u32                                      | FREE     |
 * | FREE            | the map page | 0: pageId u32                                      | ALLOCATE |
 * | LINK            | map or head  | 0: old rightSibling u32, 4: new rightSibling u32   | LINK, exchanged |
 * | FORMAT_OVERFLOW | a chain page | 0: next u32, 4: head u32, 8: chainId, 16: ordinal u32, 20: valueLength u32, 24: data | passed over: undo of its ALLOCATE frees it |
 */
import { assert } from '../common/assert.ts'
import { copyBytes, getU53, setU53 } from '../common/bytes.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import type { Compensation } from '../log/resource-manager.ts'
import { formatPage, PageType, pageIdOf, setOwner, setRightSibling } from '../page/page.ts'
import { OVERFLOW_HEADER_BYTES, setOverflowFields } from './overflow-page.ts'
import { bitsPerMapPage, formatMap, setBit } from './space-map.ts'

/** Numbers are on disk. */
export const SpaceOperation = { FORMAT_MAP: 1, ALLOCATE: 2, FREE: 3, LINK: 4, FORMAT_OVERFLOW: 5 } as const

const NAMES: readonly string[] = ['invalid', 'format-map', 'allocate', 'free', 'link', 'format-overflow']

export const LINK_PAYLOAD_BYTES = 8
export const FORMAT_OVERFLOW_FIXED_BYTES = 24

/** What a page is given to by FORMAT_OVERFLOW, besides its data. */
export interface ChainPage {
  readonly next: PageId | 0
  readonly head: PageId
  readonly chainId: number
  readonly ordinal: number
  readonly valueLength: number
}

/** The pages a redo changes, and their size. */
export interface PageMemory {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly pageSize: number
}

export function encodeChainPage(view: DataView, at: number, fields: ChainPage): void {
  view.setUint32(at, fields.next, true)
  view.setUint32(at + 4, fields.head, true)
  setU53(view, at + 8, fields.chainId)
  view.setUint32(at + 16, fields.ordinal, true)
  view.setUint32(at + 20, fields.valueLength, true)
}

/** The page an ALLOCATE or FREE is about. */
export const subjectOf = (record: LogRecordView): PageId => asPageId(record.view.getUint32(record.payloadStart, true))

export function redoSpace(memory: PageMemory, record: LogRecordView, page: number): void {
  const { bytes, view, pageSize } = memory
  const at = record.payloadStart
  switch (record.operation) {
    case SpaceOperation.FORMAT_MAP:
      formatMap(bytes, view, page, pageSize, record.pageId)
      break
    case SpaceOperation.ALLOCATE:
      setBit(view, page, subjectOf(record) % bitsPerMapPage(pageSize), true)
      break
    case SpaceOperation.FREE:
      setBit(view, page, subjectOf(record) % bitsPerMapPage(pageSize), false)
      break
    case SpaceOperation.LINK:
      setRightSibling(view, page, asPageId(record.view.getUint32(at + 4, true)))
      break
    case SpaceOperation.FORMAT_OVERFLOW:
      redoFormatOverflow(memory, record, page)
      break
    default:
      assert(false, 'a space operation this build knows')
  }
}

function redoFormatOverflow(memory: PageMemory, record: LogRecordView, page: number): void {
  const { bytes, view, pageSize } = memory
  const at = record.payloadStart
  const dataLength = record.payloadEnd - at - FORMAT_OVERFLOW_FIXED_BYTES
  formatPage(bytes, view, page, pageSize, record.pageId, PageType.OVERFLOW)
  assert(pageIdOf(view, page) === record.pageId, 'the page of the record')
  setRightSibling(view, page, asPageId(record.view.getUint32(at, true)))
  setOwner(view, page, record.view.getUint32(at + 4, true))
  setOverflowFields(view, page, {
    chainId: getU53(record.view, at + 8),
    ordinal: record.view.getUint32(at + 16, true),
    valueLength: record.view.getUint32(at + 20, true),
    dataLength,
  })
  copyBytes(bytes, page + OVERFLOW_HEADER_BYTES, record.bytes, at + FORMAT_OVERFLOW_FIXED_BYTES, dataLength)
}

export function undoSpace(record: LogRecordView): Compensation {
  const { pageId, payloadStart, payloadEnd } = record
  const payload = record.bytes.slice(payloadStart, payloadEnd)
  switch (record.operation) {
    case SpaceOperation.ALLOCATE:
      return { operation: SpaceOperation.FREE, pageId, payload }
    case SpaceOperation.FREE:
      return { operation: SpaceOperation.ALLOCATE, pageId, payload }
    default:
      assert(record.operation === SpaceOperation.LINK, 'the other space operations are passed over by undo')
      payload.set(record.bytes.subarray(payloadStart + 4, payloadStart + 8), 0)
      payload.set(record.bytes.subarray(payloadStart, payloadStart + 4), 4)
      return { operation: SpaceOperation.LINK, pageId, payload }
  }
}

export function describeSpace(record: LogRecordView): string {
  const name = NAMES[record.operation] ?? `operation ${record.operation}`
  switch (record.operation) {
    case SpaceOperation.ALLOCATE:
    case SpaceOperation.FREE:
      return `${name} page ${subjectOf(record)}`
    case SpaceOperation.LINK:
      return `${name} to page ${record.view.getUint32(record.payloadStart + 4, true)}`
    case SpaceOperation.FORMAT_OVERFLOW:
      return `${name} ${record.view.getUint32(record.payloadStart + 16, true)} of chain ${record.view.getUint32(record.payloadStart + 4, true)}`
    default:
      return name
  }
}
