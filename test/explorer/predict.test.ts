/** Marks for what students predict. */
import { describe, expect, test } from 'vitest'
import { markPrediction } from '../../docs/explorer/src/session/index.ts'
import type { CellMark, RestartView } from '../../docs/explorer/src/session/types.ts'

const RESTART: RestartView = {
  crashStep: 0,
  lastStep: 9,
  transactions: [
    { txnId: 1, name: 'T1', status: 'running', lastLsn: 80, undoNextLsn: 80 },
    { txnId: 3, name: 'T3', status: 'aborting', lastLsn: undefined, undoNextLsn: undefined },
  ],
  dirtyPages: [{ pageId: 5, page: 'P5', recLsn: 0 }],
}

const cell = (given: string, wanted: string, isRight: boolean): CellMark => ({ given, wanted, isRight })

describe('a prediction', () => {
  test('that is right, in any order and in the words of other books', () => {
    const marks = markPrediction(RESTART, {
      transactions: [
        { txn: ' t3', status: 'Aborted', lastLsn: 'none' },
        { txn: '1', status: 'active', lastLsn: '80 ' },
      ],
      dirtyPages: [{ page: '5', recLsn: '00' }],
    })
    expect(marks).toMatchObject({ right: 8, total: 8 })
  })

  test('is marked cell by cell, with what is missing and what is too much', () => {
    const marks = markPrediction(RESTART, {
      transactions: [
        { txn: 'T1', status: 'committing', lastLsn: '80' },
        { txn: 'T9', status: 'running', lastLsn: '' },
      ],
      dirtyPages: [
        { page: '', recLsn: '' },
        { page: 'P5', recLsn: '10' },
      ],
    })
    expect(marks.transactions).toEqual([
      { txn: cell('T1', 'T1', true), status: cell('committing', 'running', false), lastLsn: cell('80', '80', true) },
      { txn: cell('T9', '', false), status: cell('running', '', false), lastLsn: cell('', '', false) },
      { txn: cell('', 'T3', false), status: cell('', 'aborting', false), lastLsn: cell('', '-', false) },
    ])
    expect(marks.dirtyPages).toEqual([{ page: cell('P5', 'P5', true), recLsn: cell('10', '0', false) }])
    expect(marks).toMatchObject({ right: 3, total: 11 })
  })

  test('the same row twice counts once', () => {
    const row = { page: 'P5', recLsn: '0' }
    const marks = markPrediction(RESTART, { transactions: [], dirtyPages: [row, row] })
    expect(marks.dirtyPages.map(({ page }) => page.isRight)).toEqual([true, false])
  })

  test('nothing, where nothing is to be said', () => {
    const marks = markPrediction({ ...RESTART, transactions: [], dirtyPages: [] }, { transactions: [], dirtyPages: [] })
    expect(marks).toEqual({ transactions: [], dirtyPages: [], right: 0, total: 0 })
  })
})
