/**
 * Live sessions to begin with, in the menu. Each shows one thing; from any of their steps a reader can go on
 * in another way.
 */
import type { Action, Place, Survivors } from './session/types.ts'

export interface Example {
  readonly title: string
  readonly actions: readonly Action[]
}

const begin = (txn: string): Action => ({ kind: 'begin', txn })
const put = (txn: string, key: string, value: string): Action => ({ kind: 'put', txn, table: 'accounts', key, value })
const fill = (txn: string, from: number, count: number): Action => ({
  kind: 'fill',
  txn,
  table: 'accounts',
  from,
  count,
})
const commit = (txn: string): Action => ({ kind: 'commit', txn })
const crash = (survivors: Survivors, after?: number): Action => ({ kind: 'crash', survivors, after })
const flushLog: Action = { kind: 'flushLog' }
const checkpoint: Action = { kind: 'checkpoint' }
const restart: Action = { kind: 'restart' }
/** The root of the table accounts, which is its only page until it splits. */
const flushAccounts: Action = { kind: 'flushPage', pageId: 3 }

const WINNER_AND_LOSER: Example = {
  title: 'A winner and a loser',
  actions: [
    begin('T1'),
    put('T1', 'alice', '100'),
    put('T1', 'bob', '50'),
    begin('T2'),
    put('T2', 'carol', '7'),
    commit('T1'),
    crash('none'),
    restart,
  ],
}

export const EXAMPLES: readonly Example[] = [
  WINNER_AND_LOSER,
  { title: 'An empty database', actions: [] },
  {
    title: 'Steal: a page is written before its transaction commits',
    actions: [
      begin('T1'),
      put('T1', 'alice', '100'),
      commit('T1'),
      begin('T2'),
      put('T2', 'alice', '0'),
      flushAccounts,
      crash('none'),
      restart,
    ],
  },
  {
    title: 'Savepoint: rolled back in part, and then a crash',
    actions: [
      begin('T1'),
      put('T1', 'alice', '1'),
      { kind: 'savepoint', txn: 'T1', name: 's1' },
      put('T1', 'bob', '2'),
      put('T1', 'carol', '3'),
      { kind: 'rollbackTo', txn: 'T1', name: 's1' },
      put('T1', 'dave', '4'),
      flushLog,
      crash('none'),
      restart,
    ],
  },
  {
    title: 'A fuzzy checkpoint while transactions run',
    actions: [
      begin('T1'),
      put('T1', 'alice', '1'),
      begin('T2'),
      put('T2', 'bob', '2'),
      checkpoint,
      put('T1', 'carol', '3'),
      commit('T1'),
      crash('none'),
      restart,
    ],
  },
  {
    title: 'A crash in the restart, and another restart',
    actions: [
      begin('T1'),
      put('T1', 'alice', '1'),
      put('T1', 'bob', '2'),
      put('T1', 'carol', '3'),
      flushLog,
      crash('none'),
      restart,
      crash('all', 13),
      restart,
    ],
  },
  {
    title: 'A page splits: the split stays when its transaction is undone',
    actions: [begin('T1'), fill('T1', 1, 12), flushLog, crash('none'), restart],
  },
  {
    title: 'A page write torn by a power cut',
    actions: [
      begin('T1'),
      put('T1', 'alice', '100'),
      commit('T1'),
      flushAccounts,
      begin('T2'),
      put('T2', 'bob', '50'),
      flushAccounts,
      crash([{ index: 0, parts: [0] }], 5),
      restart,
    ],
  },
  {
    title: 'Two transactions want the same row',
    actions: [begin('T1'), begin('T2'), put('T1', 'alice', '1'), put('T2', 'alice', '2'), commit('T1'), commit('T2')],
  },
]

/** What is shown when the address says nothing. */
export const FIRST_PLACE: Place = { content: { kind: 'actions', actions: WINNER_AND_LOSER.actions } }
