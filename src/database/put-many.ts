/**
 * Storing many rows in one operation. They are taken in batches: a batch is copied and sorted, and then locked and
 * put into the tree slice by slice. Between two slices others may come to run.
 *
 * ```
 *   entries --> | batch: encode, copy | sort | slice: lock its rows, put them leaf by leaf | give way | slice ... |
 *                                                   ^ a wait for a lock: afterwards they are all locked anew
 * ```
 *
 * What another transaction may do between two slices, or during a wait, does no harm: the keys are locked
 * before they are written, and the leaves are searched for anew. Gaps alone need care. That nobody keeps the gap
 * a new key comes into holds at the moment of looking, and until the key is there; so the rows of a slice are
 * put without a pause after they have been locked without a wait.
 *
 * A failure, in whichever slice, rolls back to where the operation began; so it is all or nothing.
 */

import type { RowBatch } from '../btree/row-batch.ts'
import type { PageId } from '../common/ids.ts'
import { invalid } from '../common/options.ts'
import type { SavepointMark } from '../txn/active-transaction.ts'
import { checkTable, encodedValue, keyOf, type TableShape } from './table-shape.ts'
import type { TransactionContext } from './transaction-context.ts'

/** As `Transaction.putMany`, when its turn has come: no other operation of the transaction runs meanwhile. */
export async function putMany<K, V>(
  context: TransactionContext,
  table: TableShape<K, V>,
  entries: Iterable<readonly [K, V]>,
): Promise<void> {
  const { store, active } = context
  checkTable(table)
  context.beginChange()
  checkIterable(entries)
  const putter = new Putter(context, table.name)
  const mark = store.transactions.savepoint(active)
  const rows = store.rowBatches.take()
  try {
    for (const entry of entries) {
      if (!Array.isArray(entry)) throw invalid('an entry of putMany is an array, [key, value]')
      const [key, value] = entry
      rows.add(keyOf(table, key, store.keyBytesMax), encodedValue(table, value))
      if (rows.isFull) await putter.put(rows)
    }
    if (rows.count > 0) await putter.put(rows)
  } catch (error) {
    await putter.undo(mark)
    throw error
  } finally {
    store.rowBatches.giveBack(rows)
  }
}

function checkIterable(entries: Iterable<unknown> | undefined | null): void {
  if (typeof entries?.[Symbol.iterator] === 'function') return
  throw invalid('putMany takes an iterable of entries [key, value], such as an array or a Map')
}

class Putter {
  readonly #context: TransactionContext
  readonly #name: string

  constructor(context: TransactionContext, name: string) {
    this.#context = context
    this.#name = name
  }

  /** Puts the rows of a batch, slice by slice, and empties it. A pause, if one is due, comes after a slice. */
  async put(rows: RowBatch): Promise<void> {
    const { store, active, locks } = this.#context
    rows.sort()
    for (let first = 0; first < rows.count; ) {
      const end = Math.min(first + rows.sliceRows, rows.count)
      const startedMs = store.nowMs()
      const tree = locks.treeForPut(this.#name) ?? locks.create(this.#name)
      const wait = typeof tree === 'number' ? this.#lock(tree, rows, first, end) : tree
      if (wait !== undefined) {
        await wait
        continue
      }
      store.putRows(active, tree as PageId, rows, first, end)
      rows.tookSlice(end - first, store.nowMs() - startedMs)
      const pause = store.giveWay(end - first)
      if (pause !== undefined) await pause
      first = end
    }
    rows.clear()
  }

  /** Locks the rows [first, end); or returns what is to be waited for first. */
  #lock(tree: PageId, rows: RowBatch, first: number, end: number): Promise<void> | undefined {
    const { locks, view } = this.#context
    view?.checkTableUnchanged(this.#name)
    for (let row = first; row < end; row++) {
      const key = rows.key(row)
      const wait = locks.lockForPut(tree, key, view === undefined)
      if (wait !== undefined) return wait
      view?.checkMayChange(tree, key)
    }
    return undefined
  }

  /** Rolls back to where the operation began; that may undo the making of the table. */
  undo(mark: SavepointMark): Promise<void> {
    this.#context.forgetTrees()
    return this.#context.store.undoSince(this.#context.active, mark)
  }
}
