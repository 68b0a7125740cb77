/**
 * Overflow pages: a value too long for its leaf lies in a chain of them, in order, linked by the page
 * header's rightSibling. The header's owner is the chain's first page, the head. The chainId is the
 * LSN of the record that allocated the head: it is never used twice, so a page that was freed and
 * taken by another chain is told apart from the one a stale reference means.
 *
 * | OFFSET | SIZE | FIELD                                   |
 * |--------|------|-----------------------------------------|
 * | 0      | 32   | page header                             |
 * | 32     | 8    | chainId                                 |
 * | 40     | 4    | ordinal: 0 for the head                 |
 * | 44     | 4    | valueLength: bytes of the whole value   |
 * | 48     | 4    | dataLength: bytes of it in this page    |
 * | 52     | ...  | data                                    |
 *
 * The reference to a chain, which the leaf keeps instead of the value:
 *
 * | OFFSET | SIZE | FIELD       |
 * |--------|------|-------------|
 * | 0      | 4    | head        |
 * | 4      | 8    | chainId     |
 * | 12     | 4    | valueLength |
 */
import { getU53, setU53 } from '../common/bytes.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import { ownerOf, PageType, pageTypeOf } from '../page/page.ts'

const CHAIN_ID = 32
const ORDINAL = 40
const VALUE_LENGTH = 44
const DATA_LENGTH = 48
export const OVERFLOW_HEADER_BYTES = 52

export const VALUE_REF_BYTES = 16
/** The longest value: 1 GiB. */
export const MAX_VALUE_BYTES = 0x4000_0000

/** Where a long value is. */
export interface ValueRef {
  readonly head: PageId
  readonly chainId: number
  readonly valueLength: number
}

export const overflowDataBytes = (pageSize: number): number => pageSize - OVERFLOW_HEADER_BYTES

export const chainIdOf = (view: DataView, page: number): number => getU53(view, page + CHAIN_ID)
export const ordinalOf = (view: DataView, page: number): number => view.getUint32(page + ORDINAL, true)
export const dataLengthOf = (view: DataView, page: number): number => view.getUint32(page + DATA_LENGTH, true)

/** Bytes of the whole value. */
export const valueLengthOfChain = (view: DataView, page: number): number => view.getUint32(page + VALUE_LENGTH, true)

export function setOverflowFields(
  view: DataView,
  page: number,
  fields: { chainId: number; ordinal: number; valueLength: number; dataLength: number },
): void {
  setU53(view, page + CHAIN_ID, fields.chainId)
  view.setUint32(page + ORDINAL, fields.ordinal, true)
  view.setUint32(page + VALUE_LENGTH, fields.valueLength, true)
  view.setUint32(page + DATA_LENGTH, fields.dataLength, true)
}

/** Whether the page is one of the chain's. */
export function isOfChain(view: DataView, page: number, head: PageId, chainId: number): boolean {
  return (
    pageTypeOf(view, page) === PageType.OVERFLOW && ownerOf(view, page) === head && chainIdOf(view, page) === chainId
  )
}

export function encodeValueRef(ref: ValueRef): Uint8Array {
  const bytes = new Uint8Array(VALUE_REF_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, ref.head, true)
  setU53(view, 4, ref.chainId)
  view.setUint32(12, ref.valueLength, true)
  return bytes
}

export function decodeValueRef(view: DataView, at: number): ValueRef {
  return {
    head: asPageId(view.getUint32(at, true)),
    chainId: getU53(view, at + 4),
    valueLength: view.getUint32(at + 12, true),
  }
}
