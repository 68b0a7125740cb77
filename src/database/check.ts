/**
 * The consistency check of a whole database (I22): every tree in itself, every page of every tree
 * allocated and in one place only, every allocated page in some tree.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import { checkTree } from '../btree/check.ts'
import { problemOf } from '../buffer/data-file.ts'
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import type { Managers } from './assemble.ts'

/** How far a check has come, in pages. */
export interface CheckProgress {
  readonly done: number
  readonly total: number
}

/** What is wrong, one line each: "page 12: reason". */
export function checkDatabase(managers: Managers, onProgress?: (progress: CheckProgress) => void): string[] {
  const problems: string[] = []
  const owners = new Map<PageId, string>()
  const allocated = readable(() => [...managers.space.allocatedPages()], problems) ?? []
  let done = 0
  const onPage = onProgress && (() => onProgress({ done: ++done, total: allocated.length }))
  const checkOne = (name: string, tree: PageId): void => {
    const result = checkTree(managers.btree, tree, new Set(), onPage)
    for (const problem of result.problems) problems.push(`${problem} (table ${name})`)
    for (const pageId of result.pages) {
      const other = owners.get(pageId)
      if (other !== undefined) problems.push(`page ${pageId}: is in table ${name} and in table ${other}`)
      owners.set(pageId, name)
    }
  }
  checkOne('(catalog)', CATALOG_TREE)
  const unread: string[] = []
  const tables = readable(() => managers.catalog.list(), unread)
  // Then every page of every table would look leaked.
  if (tables === undefined) return [...problems, ...unread.map((problem) => `no table can be checked: ${problem}`)]
  for (const { name, tree } of tables) checkOne(name, tree)
  const leaked = isFreeingOpen(managers) ? [] : leaks(allocated, owners)
  return [...new Set([...problems, ...leaked])]
}

/** Whether pages are out of every table that will be freed: after a commit, or a commit that may yet come. */
function isFreeingOpen({ pending, transactions }: Managers): boolean {
  return pending.size > 0 || [...transactions.active].some((transaction) => transaction.pending.length > 0)
}

/** What `read` returns; undefined when it meets damage, which is added to `problems`. */
function readable<T>(read: () => T, problems: string[]): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!AriesError.is(error)) throw error
    problems.push(problemOf(error))
    return undefined
  }
}

/** Pages that are allocated and in no tree. With a damaged tree the rest of it looks leaked, too. */
function leaks(allocated: readonly PageId[], owners: ReadonlyMap<PageId, string>): string[] {
  return allocated
    .filter((pageId) => !owners.has(pageId))
    .map((pageId) => `page ${pageId}: is allocated, but in no table`)
}
