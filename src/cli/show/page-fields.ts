/**
 * The fields of a page, in the order of its bytes, whatever page it is: the tables of docs/file-format.md
 * filled in. A damaged page is decoded as far as its numbers make sense; what they do not reach is unused.
 */
import { CATALOG_TREE } from '../../btree/catalog.ts'
import {
  CELL_HEADER_BYTES,
  CHILD_BYTES,
  flagsOf,
  GHOST_FLAG,
  ghostCountOf,
  highFenceLengthOf,
  lowFenceLengthOf,
  NODE_HEADER_BYTES,
  OVERFLOW_FLAG,
  prefixLengthOf,
  SLOT_BYTES,
  suffixLengthOf,
  treeIdOf,
  valueLengthOf,
} from '../../btree/node-page.ts'
import { META_BYTES } from '../../buffer/meta-page.ts'
import { isZero } from '../../common/bytes.ts'
import { printableKey } from '../../common/text.ts'
import { runsOf } from '../../inspect/numbers.ts'
import {
  freeBytesOf,
  heapStartOf,
  levelOf,
  ownerOf,
  PageType,
  pageIdOf,
  pageLsnOf,
  pageTypeOf,
  rightSiblingOf,
  slotCountOf,
} from '../../page/page.ts'
import {
  chainIdOf,
  dataLengthOf,
  decodeValueRef,
  OVERFLOW_HEADER_BYTES,
  ordinalOf,
  VALUE_REF_BYTES,
  valueLengthOfChain,
} from '../../space/overflow-page.ts'
import { allocatedCountOf, bitsPerMapPage, bitsSet, SPACE_MAP_HEADER_BYTES } from '../../space/space-map.ts'

export interface Field {
  readonly at: number
  readonly length: number
  readonly name: string
  readonly value: string
}

interface Page {
  readonly bytes: Uint8Array
  readonly view: DataView
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [PageType.META]: 'meta',
  [PageType.SPACE_MAP]: 'space map',
  [PageType.LEAF]: 'leaf',
  [PageType.INNER]: 'inner node',
  [PageType.OVERFLOW]: 'overflow',
  [PageType.SLOTS]: 'slots',
}

export const pageTypeName = (view: DataView): string => TYPE_NAMES[pageTypeOf(view, 0)] ?? 'unknown'

/** All bytes of the page, each in one field. */
export function fieldsOf(page: Page): Field[] {
  const fields = [...headerFields(page), ...bodyFields(page)]
  return withUnused(
    page.bytes,
    fields.sort((a, b) => a.at - b.at),
  )
}

function headerFields({ view }: Page): Field[] {
  const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`
  const sibling = rightSiblingOf(view, 0)
  return [
    { at: 0, length: 4, name: 'checksum', value: hex(view.getUint32(0, true)) },
    { at: 4, length: 4, name: 'pageId', value: String(pageIdOf(view, 0)) },
    { at: 8, length: 8, name: 'pageLsn', value: String(pageLsnOf(view, 0)) },
    { at: 16, length: 1, name: 'type', value: `${pageTypeOf(view, 0)}, ${pageTypeName(view)}` },
    { at: 17, length: 1, name: 'level', value: String(levelOf(view, 0)) },
    { at: 18, length: 2, name: 'slotCount', value: String(slotCountOf(view, 0)) },
    { at: 20, length: 2, name: 'heapStart', value: String(heapStartOf(view, 0)) },
    { at: 22, length: 2, name: 'freeBytes', value: String(freeBytesOf(view, 0)) },
    { at: 24, length: 4, name: 'rightSibling', value: sibling === 0 ? 'none' : `page ${sibling}` },
    { at: 28, length: 4, name: 'owner', value: ownerName(view) },
  ]
}

function ownerName(view: DataView): string {
  const owner = ownerOf(view, 0)
  if (owner === 0) return 'none'
  if (owner === CATALOG_TREE) return `tree ${owner}, the catalog`
  return pageTypeOf(view, 0) === PageType.OVERFLOW ? `chain ${owner}` : `tree ${owner}`
}

function bodyFields(page: Page): Field[] {
  switch (pageTypeOf(page.view, 0)) {
    case PageType.META:
      return metaFields(page)
    case PageType.SPACE_MAP:
      return mapFields(page)
    case PageType.LEAF:
    case PageType.INNER:
      return nodeFields(page)
    case PageType.OVERFLOW:
      return overflowFields(page)
    default:
      return []
  }
}

function metaFields({ bytes, view }: Page): Field[] {
  const id = Buffer.from(bytes.subarray(48, META_BYTES)).toString('hex')
  return [
    { at: 32, length: 8, name: 'magic', value: JSON.stringify(Buffer.from(bytes.subarray(32, 40)).toString('latin1')) },
    { at: 40, length: 4, name: 'format version', value: String(view.getUint32(40, true)) },
    { at: 44, length: 4, name: 'page size', value: String(view.getUint32(44, true)) },
    { at: 48, length: 16, name: 'database id', value: id },
  ]
}

function mapFields({ bytes, view }: Page): Field[] {
  const perPage = bitsPerMapPage(bytes.length)
  const first = pageIdOf(view, 0) - (pageIdOf(view, 0) % perPage)
  const set = bitsSet(view, 0, perPage)
  const used = Math.max(0, Math.floor((set.at(-1) ?? 0) / 8)) + 1
  return [
    { at: 32, length: 4, name: 'allocatedCount', value: String(allocatedCountOf(view, 0)) },
    { at: 36, length: 4, name: 'zero', value: '' },
    {
      at: SPACE_MAP_HEADER_BYTES,
      length: used,
      name: 'allocated',
      value: `pages ${rangesOf(set.map((bit) => first + bit))}`,
    },
  ]
}

/** "0-9, 12": numbers that rise, in short. */
function rangesOf(numbers: readonly number[]): string {
  return runsOf(numbers)
    .map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`))
    .join(', ')
}

function overflowFields({ bytes, view }: Page): Field[] {
  const length = Math.min(dataLengthOf(view, 0), bytes.length - OVERFLOW_HEADER_BYTES)
  return [
    { at: 32, length: 8, name: 'chainId', value: String(chainIdOf(view, 0)) },
    { at: 40, length: 4, name: 'ordinal', value: String(ordinalOf(view, 0)) },
    { at: 44, length: 4, name: 'valueLength', value: String(valueLengthOfChain(view, 0)) },
    { at: 48, length: 4, name: 'dataLength', value: String(dataLengthOf(view, 0)) },
    {
      at: OVERFLOW_HEADER_BYTES,
      length,
      name: 'data',
      value: printableKey(bytes.subarray(OVERFLOW_HEADER_BYTES, OVERFLOW_HEADER_BYTES + length)),
    },
  ]
}

function nodeFields(page: Page): Field[] {
  const { bytes, view } = page
  const low = lowFenceLengthOf(view, 0)
  const high = highFenceLengthOf(view, 0)
  const fencesAt = bytes.length - low - high
  const fields: Field[] = [
    { at: 32, length: 8, name: 'treeId', value: String(treeIdOf(view, 0)) },
    { at: 40, length: 2, name: 'lowFenceLength', value: String(low) },
    { at: 42, length: 2, name: 'highFenceLength', value: String(high) },
    { at: 44, length: 2, name: 'prefixLength', value: String(prefixLengthOf(view, 0)) },
    { at: 46, length: 2, name: 'ghostCount', value: String(ghostCountOf(view, 0)) },
  ]
  if (fencesAt < NODE_HEADER_BYTES) return fields
  for (let slot = 0; slot < slotCountOf(view, 0); slot++) {
    const at = NODE_HEADER_BYTES + slot * SLOT_BYTES
    if (at + SLOT_BYTES > fencesAt) break
    const cell = view.getUint16(at + 4, true)
    fields.push({
      at,
      length: SLOT_BYTES,
      name: `slot ${slot}`,
      value: `head ${printableKey(
        bytes
          .subarray(at, at + 4)
          .slice()
          .reverse(),
      )}, cell at ${cell}`,
    })
    const field = cellField(page, slot, cell, fencesAt)
    if (field !== undefined) fields.push(field)
  }
  const fence = (from: number, length: number): string => printableKey(bytes.subarray(from, from + length))
  if (low > 0) fields.push({ at: fencesAt, length: low, name: 'low fence', value: fence(fencesAt, low) })
  if (high > 0)
    fields.push({ at: fencesAt + low, length: high, name: 'high fence', value: fence(fencesAt + low, high) })
  return fields
}

/** A cell, if it lies inside the page. */
function cellField(page: Page, slot: number, cell: number, fencesAt: number): Field | undefined {
  const { bytes, view } = page
  if (cell < NODE_HEADER_BYTES || cell + CELL_HEADER_BYTES > fencesAt) return undefined
  const length = CELL_HEADER_BYTES + suffixLengthOf(view, cell) + valueLengthOf(view, cell)
  if (cell + length > fencesAt) return undefined
  const suffixEnd = cell + CELL_HEADER_BYTES + suffixLengthOf(view, cell)
  // The prefix that all keys of the node share is kept once, as the start of the low fence.
  const prefix = bytes.subarray(fencesAt, fencesAt + prefixLengthOf(view, 0))
  const key = new Uint8Array([...prefix, ...bytes.subarray(cell + CELL_HEADER_BYTES, suffixEnd)])
  const isFirstChild = levelOf(view, 0) > 0 && slot === 0
  const keyText = isFirstChild ? 'from the low fence on' : printableKey(key)
  const ghost = (flagsOf(view, cell) & GHOST_FLAG) !== 0 ? ' (ghost)' : ''
  return { at: cell, length, name: `cell ${slot}${ghost}`, value: `${keyText} -> ${valueText(page, cell, suffixEnd)}` }
}

function valueText({ bytes, view }: Page, cell: number, at: number): string {
  const length = valueLengthOf(view, cell)
  if (levelOf(view, 0) > 0 && length === CHILD_BYTES) return `page ${view.getUint32(at, true)}`
  if ((flagsOf(view, cell) & OVERFLOW_FLAG) !== 0 && length === VALUE_REF_BYTES) {
    const { head, valueLength } = decodeValueRef(view, at)
    return `${valueLength} bytes in the chain at page ${head}`
  }
  if (ownerOf(view, 0) === CATALOG_TREE && length === 5) return `tree ${view.getUint32(at + 1, true)}`
  return printableKey(bytes.subarray(at, at + length))
}

/** Puts what no field has between them, and leaves out fields that overlap one before them. */
function withUnused(bytes: Uint8Array, fields: readonly Field[]): Field[] {
  const all: Field[] = []
  let at = 0
  const unusedUpTo = (end: number): void => {
    if (end <= at) return
    all.push({ at, length: end - at, name: 'unused', value: isZero(bytes, at, end) ? 'zeros' : '' })
    at = end
  }
  for (const field of fields) {
    if (field.at < at) continue
    unusedUpTo(field.at)
    all.push(field)
    at += field.length
  }
  unusedUpTo(bytes.length)
  return all
}
