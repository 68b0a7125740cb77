/** Short ways to write the actions of a live session, and to read what is in its table. */
import type { Action, EngineState, Survivors, TreeNode } from '../../docs/explorer/src/session/types.ts'

export const TABLE = 'accounts'

export const begin = (txn: string): Action => ({ kind: 'begin', txn })
export const put = (txn: string, key: string, value: string): Action => ({ kind: 'put', txn, table: TABLE, key, value })
export const commit = (txn: string): Action => ({ kind: 'commit', txn })
export const crash = (survivors: Survivors, after?: number): Action =>
  after === undefined ? { kind: 'crash', survivors } : { kind: 'crash', survivors, after }
export const restart: Action = { kind: 'restart' }

/** The rows of the table, as the pages of its tree have them. */
export function contentOf({ trees, pool, disk }: EngineState): Record<string, string> {
  const rowsUnder = ({ pageId, children }: TreeNode): [string, string][] => {
    if (children.length > 0) return children.flatMap(rowsUnder)
    const page = [...pool, ...disk].find((found) => found.pageId === pageId)
    return (page?.rows ?? [])
      .filter(({ note }) => note?.startsWith('deleted') !== true)
      .map(({ key, value }) => [key, value])
  }
  return Object.fromEntries(trees.filter(({ table }) => table === TABLE).flatMap(({ root }) => rowsUnder(root)))
}
