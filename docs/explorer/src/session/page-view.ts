/** A page of the engine, from the pool or from the disk, as a reader sees it. */
import { CATALOG_TREE } from '../../../../src/btree/catalog.ts'
import {
  cellAt,
  childAt,
  flagsOf,
  GHOST_FLAG,
  keyAt,
  OVERFLOW_FLAG,
  storedValueAt,
} from '../../../../src/btree/node-page.ts'
import { printableKey } from '../../../../src/common/text.ts'
import { runsOf } from '../../../../src/inspect/numbers.ts'
import { levelOf, ownerOf, PageType, pageIdOf, pageLsnOf, pageTypeOf, slotCountOf } from '../../../../src/page/page.ts'
import { dataLengthOf, decodeValueRef } from '../../../../src/space/overflow-page.ts'
import { bitsPerMapPage, bitsSet } from '../../../../src/space/space-map.ts'
import type { PageRow } from './types.ts'

/** What the bytes of a page say, before anybody says how tables and transactions are called. */
export interface SeenPage {
  readonly pageId: number
  readonly pageLsn: number
  /** `root`, `leaf`, `space map`, ... */
  readonly kind: string
  /** The root of the tree that the page belongs to; undefined when it is no node. */
  readonly tree: number | undefined
  readonly level: number
  readonly rows: readonly PageRow[]
  /** Of an inner node. */
  readonly children: readonly number[]
  readonly isDamaged?: boolean
}

interface PageBytes {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly pageSize: number
}

export const pageName = (pageId: number): string => `P${pageId}`

/** Reads the page at offset `page`. */
export function seePage(memory: PageBytes, page: number): SeenPage {
  const { view } = memory
  const type = pageTypeOf(view, page)
  const isNode = type === PageType.LEAF || type === PageType.INNER
  const level = isNode ? levelOf(view, page) : 0
  return {
    pageId: pageIdOf(view, page),
    pageLsn: pageLsnOf(view, page),
    kind: kindOf(view, page),
    tree: isNode ? ownerOf(view, page) : undefined,
    level,
    rows: rowsOf(memory, page),
    children: level === 0 ? [] : slotsOf(view, page).map((slot) => childAt(view, page, slot)),
  }
}

/** A page that fails its checksum. */
export function damagedPage(pageId: number): SeenPage {
  const kind = 'fails its checksum'
  return { pageId, pageLsn: 0, kind, tree: undefined, level: 0, rows: [], children: [], isDamaged: true }
}

const slotsOf = (view: DataView, page: number): number[] =>
  Array.from({ length: slotCountOf(view, page) }, (_, slot) => slot)

function kindOf(view: DataView, page: number): string {
  const owner = ownerOf(view, page)
  switch (pageTypeOf(view, page)) {
    case PageType.META:
      return 'meta page'
    case PageType.SPACE_MAP:
      return 'space map'
    case PageType.OVERFLOW:
      return `long value, chain ${pageName(owner)}`
    case PageType.LEAF:
    case PageType.INNER:
      if (pageIdOf(view, page) === owner) return 'root'
      return levelOf(view, page) > 0 ? 'inner node' : 'leaf'
    default:
      return 'new page'
  }
}

function rowsOf(memory: PageBytes, page: number): PageRow[] {
  const { view, pageSize } = memory
  switch (pageTypeOf(view, page)) {
    case PageType.LEAF:
      return slotsOf(view, page).map((slot) => leafRow(memory, page, slot))
    case PageType.INNER:
      return slotsOf(view, page).map((slot) => ({
        key: slot === 0 ? '' : textOf(keyAt(memory, page, slot)),
        value: pageName(childAt(view, page, slot)),
      }))
    case PageType.SPACE_MAP:
      return [{ key: 'in use', value: rangesOf(bitsSet(view, page, bitsPerMapPage(pageSize))) }]
    case PageType.OVERFLOW:
      return [{ key: 'bytes', value: String(dataLengthOf(view, page)) }]
    default:
      return []
  }
}

function leafRow(memory: PageBytes, page: number, slot: number): PageRow {
  const { view } = memory
  const flags = flagsOf(view, cellAt(view, page, slot))
  const row = { key: textOf(keyAt(memory, page, slot)), value: valueText(memory, page, slot, flags) }
  return (flags & GHOST_FLAG) === 0 ? row : { ...row, note: 'deleted' }
}

function valueText(memory: PageBytes, page: number, slot: number, flags: number): string {
  const stored = storedValueAt(memory, page, slot)
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  if ((flags & OVERFLOW_FLAG) !== 0) {
    const { head, valueLength } = decodeValueRef(view, 0)
    return `${valueLength} bytes from ${pageName(head)} on`
  }
  // An entry of the catalog: its version, then the root of the table's tree.
  if (ownerOf(memory.view, page) === CATALOG_TREE) return pageName(view.getUint32(1, true))
  return textOf(stored)
}

/** Bytes as text where they are text, else in hexadecimal. */
export const textOf = (bytes: Uint8Array): string => unquoted(printableKey(bytes))

/** A key as lock reports print it, without its quotes. */
export const unquoted = (text: string): string => text.replace(/^'(.*)'/su, '$1')

/** "P0 to P9, P12": numbers that rise, in short. */
function rangesOf(numbers: readonly number[]): string {
  return runsOf(numbers)
    .map(({ from, to }) => (from === to ? pageName(from) : `${pageName(from)} to ${pageName(to)}`))
    .join(', ')
}
