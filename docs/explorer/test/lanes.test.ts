/** Where the arrows of the log lie. */
import { describe, expect, test } from 'vitest'
import { layOutLanes } from '../src/log/lanes.ts'
import type { LogRow } from '../src/session/types.ts'

const record = (lsn: number, txnId: number | undefined, links: Partial<LogRow> = {}): LogRow => ({
  lsn,
  type: 'update',
  txnId,
  text: '',
  isFlushed: true,
  ...links,
})

describe('lanes', () => {
  test('each transaction has its own, and the records of none have the last', () => {
    const { laneOfRow, laneCount } = layOutLanes([record(1, 7), record(2, 9), record(3, undefined), record(4, 7)])
    expect(laneOfRow).toEqual([0, 1, 2, 0])
    expect(laneCount).toBe(3)
  })

  test('an END frees the lane, and what is appended later moves nothing', () => {
    const log = [record(1, 7), record(2, 7, { type: 'end' }), record(3, 8), record(4, 9), record(5, 8)]
    expect(layOutLanes(log).laneOfRow).toEqual([0, 0, 0, 1, 0])
    for (let length = 1; length < log.length; length++) {
      expect(layOutLanes(log.slice(0, length)).laneOfRow).toEqual(layOutLanes(log).laneOfRow.slice(0, length))
    }
  })
})

describe('arrows', () => {
  test('LSN 0 is a record like any other', () => {
    const { prevLines, undoArcs } = layOutLanes([
      record(0, 1),
      record(10, 1, { prevLsn: 0 }),
      record(20, 1, { type: 'clr', prevLsn: 10, undoNextLsn: 0 }),
    ])
    expect(prevLines.map(({ fromRow, toRow }) => [fromRow, toRow])).toEqual([
      [1, 0],
      [2, 1],
    ])
    expect(undoArcs).toEqual([{ lane: 0, fromRow: 2, toRow: 0, depth: 0 }])
  })

  test('links to records that are not shown end in a stump, and so does a CLR after which nothing is left', () => {
    const { prevLines, undoArcs } = layOutLanes([
      record(10, 1, { prevLsn: 5 }),
      record(20, 1, { type: 'clr', prevLsn: 10 }),
    ])
    expect(prevLines[0]?.toRow).toBeUndefined()
    expect(undoArcs).toEqual([{ lane: 0, fromRow: 1, toRow: undefined, depth: 0 }])
  })

  test('a long leap lies outside of the shorter ones that it spans', () => {
    const log = [
      record(10, 1),
      record(20, 1, { prevLsn: 10 }),
      record(30, 1, { prevLsn: 20 }),
      record(40, 1, { type: 'clr', prevLsn: 30, undoNextLsn: 20 }),
      record(50, 1, { type: 'clr', prevLsn: 40, undoNextLsn: 10 }),
    ]
    const depths = new Map(layOutLanes(log).undoArcs.map(({ fromRow, depth }) => [fromRow, depth]))
    expect(depths.get(3)).toBe(0)
    expect(depths.get(4)).toBe(1)
  })
})
