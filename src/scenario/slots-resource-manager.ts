/**
 * The teaching resource manager: a page of named text slots, changed one slot at a time. Redo and undo
 * are physical and page-oriented, as in the textbooks: an update names its page and its slot, and
 * holds the value before and after.
 *
 * A page is small and read often by people, so it is kept canonical: slots lie in the order of their
 * names, one after the other, and the rest is zero. Equal content means equal bytes. The header's
 * slotCount says how many there are.
 *
 * | OFFSET | SIZE | FIELD (one slot; the first is at byte 32 of the page) |
 * |--------|------|--------------------------------------------------------|
 * | 0      | 2    | n: bytes of the name                                   |
 * | 2      | 2    | v: bytes of the value                                  |
 * | 4      | n    | name, UTF-8                                            |
 * | 4 + n  | v    | value, UTF-8                                           |
 *
 * | OFFSET | SIZE | FIELD (payload of UPDATE, operation CHANGE)            |
 * |--------|------|--------------------------------------------------------|
 * | 0      | 2    | n: bytes of the name                                   |
 * | 2      | 2    | a: bytes of the value after, 0xffff = no such slot     |
 * | 4      | 2    | b: bytes of the value before, 0xffff = no such slot    |
 * | 6      | ...  | name, value after, value before, UTF-8                 |
 *
 * A CLR (operation RESTORE) is never undone and so has no value before: its payload ends after the
 * value after, and b is absent: n, a, name, value.
 */
import { assert } from '../common/assert.ts'
import { compareBytes } from '../common/bytes.ts'
import type { PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { type Compensation, ResourceId, type ResourceManager } from '../log/resource-manager.ts'
import { formatPage, PAGE_HEADER_BYTES, PageType, setSlotCount, slotCountOf } from '../page/page.ts'

/** A slot's text; null says that the page has no such slot. */
export type SlotValue = string | null

/** What one record does to one slot. `before` is undefined in a CLR. */
export interface SlotChange {
  readonly slot: string
  readonly after: SlotValue
  readonly before: SlotValue | undefined
}

/** Numbers are on disk. */
export const SlotOperation = { CHANGE: 1, RESTORE: 2 } as const

const SLOT_HEADER_BYTES = 4
const ABSENT = 0xffff
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Bytes that a slot takes on a page. */
export function slotBytes(slot: string, value: string): number {
  return SLOT_HEADER_BYTES + encoder.encode(slot).length + encoder.encode(value).length
}

/** Formats the page and writes `slots` into it. They must fit. The pageLsn becomes 0. */
export function writeSlots(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  pageSize: number,
  pageId: PageId,
  slots: ReadonlyMap<string, string>,
): void {
  formatPage(bytes, view, page, pageSize, pageId, PageType.SLOTS)
  putSlots(bytes, view, page, pageSize, slots)
}

function putSlots(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  pageSize: number,
  slots: ReadonlyMap<string, string>,
): void {
  const sorted = [...slots].map(([name, value]) => ({ name: encoder.encode(name), value: encoder.encode(value) }))
  sorted.sort((a, b) => compareBytes(a.name, b.name))
  let at = page + PAGE_HEADER_BYTES
  for (const { name, value } of sorted) {
    assert(at + SLOT_HEADER_BYTES + name.length + value.length <= page + pageSize, 'the slots fit their page')
    view.setUint16(at, name.length, true)
    view.setUint16(at + 2, value.length, true)
    bytes.set(name, at + SLOT_HEADER_BYTES)
    bytes.set(value, at + SLOT_HEADER_BYTES + name.length)
    at += SLOT_HEADER_BYTES + name.length + value.length
  }
  bytes.fill(0, at, page + pageSize)
  setSlotCount(view, page, slots.size)
}

/** The slots of the page, by name. */
export function readSlots(bytes: Uint8Array, view: DataView, page: number): Map<string, string> {
  const slots = new Map<string, string>()
  let at = page + PAGE_HEADER_BYTES
  for (let left = slotCountOf(view, page); left > 0; left--) {
    const nameEnd = at + SLOT_HEADER_BYTES + view.getUint16(at, true)
    const valueEnd = nameEnd + view.getUint16(at + 2, true)
    slots.set(
      decoder.decode(bytes.subarray(at + SLOT_HEADER_BYTES, nameEnd)),
      decoder.decode(bytes.subarray(nameEnd, valueEnd)),
    )
    at = valueEnd
  }
  return slots
}

/** Encodes the payload of an UPDATE, or of a CLR when `before` is undefined. */
export function encodeSlotChange(change: SlotChange): Uint8Array {
  const isClr = change.before === undefined
  const name = encoder.encode(change.slot)
  const after = encoder.encode(change.after ?? '')
  const before = encoder.encode(change.before ?? '')
  const header = isClr ? 4 : 6
  const bytes = new Uint8Array(header + name.length + after.length + before.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, name.length, true)
  view.setUint16(2, change.after === null ? ABSENT : after.length, true)
  if (!isClr) view.setUint16(4, change.before === null ? ABSENT : before.length, true)
  bytes.set(name, header)
  bytes.set(after, header + name.length)
  bytes.set(before, header + name.length + after.length)
  return bytes
}

/** The payload of a record of this resource manager. */
export function decodeSlotChange(record: LogRecordView): SlotChange {
  const { bytes, view, payloadStart: start } = record
  const isClr = record.operation === SlotOperation.RESTORE
  const afterLength = view.getUint16(start + 2, true)
  const beforeLength = isClr ? ABSENT : view.getUint16(start + 4, true)
  const nameStart = start + (isClr ? 4 : 6)
  const nameEnd = nameStart + view.getUint16(start, true)
  const afterEnd = nameEnd + (afterLength === ABSENT ? 0 : afterLength)
  const text = (from: number, length: number): SlotValue =>
    length === ABSENT ? null : decoder.decode(bytes.subarray(from, from + length))
  return {
    slot: decoder.decode(bytes.subarray(nameStart, nameEnd)),
    after: text(nameEnd, afterLength),
    before: isClr ? undefined : text(afterEnd, beforeLength),
  }
}

/** Where the pages are: the buffer manager's arena. */
interface Arena {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly pageSize: number
}

export class SlotsResourceManager implements ResourceManager<unknown> {
  readonly id = ResourceId.SLOTS
  readonly name = 'slots'
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  redo(record: LogRecordView, page: number): void {
    const { bytes, view, pageSize } = this.#arena
    const { slot, after } = decodeSlotChange(record)
    const slots = readSlots(bytes, view, page)
    if (after === null) slots.delete(slot)
    else slots.set(slot, after)
    putSlots(bytes, view, page, pageSize, slots)
  }

  formatsPage(): boolean {
    return false
  }

  undo(record: LogRecordView): Compensation {
    const { slot, before } = decodeSlotChange(record)
    assert(before !== undefined, 'a CLR is never undone (I6)')
    const payload = encodeSlotChange({ slot, after: before, before: undefined })
    return { operation: SlotOperation.RESTORE, pageId: record.pageId, payload }
  }

  describe(record: LogRecordView): string {
    const { slot, before, after } = decodeSlotChange(record)
    const shown = (value: SlotValue): string => value ?? '(none)'
    const place = `page ${record.pageId}, slot ${slot}`
    return before === undefined ? `${place}: back to ${shown(after)}` : `${place}: ${shown(before)} -> ${shown(after)}`
  }
}
