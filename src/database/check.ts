/**
 * The consistency check of a whole database (I22): every tree in itself, every page of every tree
 * allocated and in one place only, every allocated page in some tree.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import { checkTree, type ReachedPages } from '../btree/check.ts'
import { problemOf } from '../buffer/data-file.ts'
import { BitSet } from '../common/bit-set.ts'
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
  const owners = new PageOwners(managers.buffer.pageCount)
  const allocated = readable(() => managers.space.allocatedPages(), problems) ?? new BitSet<PageId>()
  let done = 0
  const onPage = onProgress && (() => onProgress({ done: ++done, total: allocated.size }))
  const checkOne = (name: string, tree: PageId): void => {
    const shared: string[] = []
    const pages = owners.pagesOf(name, (pageId, other) => {
      shared.push(`page ${pageId}: is in table ${name} and in table ${other}`)
    })
    const result = checkTree(managers.btree, tree, pages, onPage)
    for (const problem of result.problems) problems.push(`${problem} (table ${name})`)
    for (const problem of shared) problems.push(problem)
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
function leaks(allocated: BitSet<PageId>, owners: PageOwners): string[] {
  const problems: string[] = []
  for (const pageId of allocated) {
    if (!owners.has(pageId)) problems.push(`page ${pageId}: is allocated, but in no table`)
  }
  return problems
}

/** Which table has which page, four bytes for each page of the file: a `Map` takes fewer than a file may have. */
class PageOwners {
  /** By page, the place of its table's name; 0 for a page that is in none. What is beyond the file is in none. */
  readonly #places: Uint32Array
  readonly #names = ['']

  constructor(pageCount: number) {
    this.#places = new Uint32Array(pageCount)
  }

  has(pageId: PageId): boolean {
    return (this.#places[pageId] ?? 0) !== 0
  }

  /** The pages of one table, to be filled; `onShared` is called for each that another one has. */
  pagesOf(name: string, onShared: (pageId: PageId, other: string) => void): ReachedPages {
    const place = this.#names.push(name) - 1
    return {
      has: (pageId) => this.#places[pageId] === place,
      add: (pageId) => {
        if (this.has(pageId)) onShared(pageId, this.#names[this.#places[pageId] as number] as string)
        this.#places[pageId] = place
      },
    }
  }
}
