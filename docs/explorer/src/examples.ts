/** Live sessions to begin with, in the menu. */
import type { Action, Place } from './session/types.ts'

export interface Example {
  readonly title: string
  readonly actions: readonly Action[]
}

const put = (txn: string, key: string, value: string): Action => ({ kind: 'put', txn, table: 'accounts', key, value })

export const EXAMPLES: readonly Example[] = [
  { title: 'An empty database', actions: [] },
  {
    title: 'A winner and a loser',
    actions: [
      { kind: 'begin', txn: 'T1' },
      put('T1', 'alice', '100'),
      put('T1', 'bob', '50'),
      { kind: 'begin', txn: 'T2' },
      put('T2', 'carol', '7'),
      { kind: 'commit', txn: 'T1' },
      { kind: 'crash', survivors: 'none' },
      { kind: 'restart' },
    ],
  },
]

/** What is shown when the address says nothing. */
export const FIRST_PLACE: Place = { content: { kind: 'actions', actions: EXAMPLES[1]?.actions ?? [] } }
