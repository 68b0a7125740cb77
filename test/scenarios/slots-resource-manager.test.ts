import { describe, expect, test } from 'vitest'
import { asLsn, asPageId } from '../../src/common/ids.ts'
import { LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { PageType, pageIdOf, pageTypeOf } from '../../src/page/page.ts'
import {
  decodeSlotChange,
  encodeSlotChange,
  readSlots,
  type SlotChange,
  SlotOperation,
  SlotsResourceManager,
  writeSlots,
} from '../../src/scenario/slots-resource-manager.ts'

const pageSize = 512
const pageId = asPageId(7)

function makeArena(): { bytes: Uint8Array; view: DataView; pageSize: number } {
  const bytes = new Uint8Array(2 * pageSize)
  return { bytes, view: new DataView(bytes.buffer), pageSize }
}

/** A record as the log would hold it, with only what the resource manager looks at. */
function record(change: SlotChange): LogRecordView {
  const payload = encodeSlotChange(change)
  const view = new LogRecordView()
  view.lsn = asLsn(100)
  view.type = change.before === undefined ? RecordType.CLR : RecordType.UPDATE
  view.operation = change.before === undefined ? SlotOperation.RESTORE : SlotOperation.CHANGE
  view.pageId = pageId
  view.bytes = payload
  view.view = new DataView(payload.buffer)
  view.payloadEnd = payload.length
  return view
}

describe('slot pages', () => {
  test('hold what was written, in the order of names, and nothing else', () => {
    const { bytes, view } = makeArena()
    bytes.fill(0xee)
    writeSlots(
      bytes,
      view,
      pageSize,
      pageSize,
      pageId,
      new Map([
        ['b', 'two'],
        ['ä', ''],
        ['a', 'один'],
      ]),
    )
    expect([...readSlots(bytes, view, pageSize)]).toEqual([
      ['a', 'один'],
      ['b', 'two'],
      ['ä', ''],
    ])
    expect(pageIdOf(view, pageSize)).toBe(pageId)
    expect(pageTypeOf(view, pageSize)).toBe(PageType.SLOTS)
    expect(bytes.subarray(0, pageSize).every((byte) => byte === 0xee)).toBe(true)
  })

  test('of equal content are equal, whatever the way there', () => {
    const arena = makeArena()
    const { bytes, view } = arena
    const manager = new SlotsResourceManager(arena)
    writeSlots(
      bytes,
      view,
      0,
      pageSize,
      pageId,
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    )
    writeSlots(bytes, view, pageSize, pageSize, pageId, new Map([['b', '2']]))
    manager.redo(record({ slot: 'a', before: null, after: 'a longer value' }), pageSize)
    manager.redo(record({ slot: 'a', before: 'a longer value', after: '1' }), pageSize)
    expect(bytes.subarray(pageSize)).toEqual(bytes.subarray(0, pageSize))
  })
})

describe('records', () => {
  test.each<SlotChange>([
    { slot: 'x', before: 'a0', after: 'a1' },
    { slot: 'größe', before: null, after: '' },
    { slot: '', before: 'gone', after: null },
    { slot: 'x', before: undefined, after: 'a0' },
    { slot: 'x', before: undefined, after: null },
  ])('%j come back as they were', (change) => {
    expect(decodeSlotChange(record(change))).toEqual(change)
  })

  test.each<SlotChange>([
    { slot: 'x', before: 'a0', after: 'a1' },
    { slot: 'y', before: null, after: 'new' },
    { slot: 'x', before: 'a0', after: null },
  ])('%j: undo builds a CLR whose redo gives the page as it was', (change) => {
    const arena = makeArena()
    const { bytes, view } = arena
    const manager = new SlotsResourceManager(arena)
    writeSlots(
      bytes,
      view,
      0,
      pageSize,
      pageId,
      new Map([
        ['x', 'a0'],
        ['z', 'other'],
      ]),
    )
    const before = bytes.slice(0, pageSize)
    manager.redo(record(change), 0)
    expect(bytes.slice(0, pageSize)).not.toEqual(before)
    const compensation = manager.undo(record(change))
    expect(compensation.pageId).toBe(pageId)
    manager.redo(record({ slot: change.slot, before: undefined, after: change.before ?? null }), 0)
    expect(compensation.payload).toEqual(
      encodeSlotChange({ slot: change.slot, before: undefined, after: change.before ?? null }),
    )
    expect(bytes.slice(0, pageSize)).toEqual(before)
  })

  test('are told in one line', () => {
    const manager = new SlotsResourceManager(makeArena())
    expect(manager.describe(record({ slot: 'x', before: null, after: 'a1' }))).toBe('page 7, slot x: (none) -> a1')
    expect(manager.describe(record({ slot: 'x', before: undefined, after: 'a0' }))).toBe('page 7, slot x: back to a0')
  })
})
