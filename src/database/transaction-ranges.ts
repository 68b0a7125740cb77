/**
 * What a transaction does with a range of a table: to go through it, to count it, to clear it. Which rows it sees and
 * what it locks on its way is the walk's (`transaction-walks.ts`).
 *
 * INVARIANTS
 * - A wrong range is refused at the call, and its bounds are copied there.
 * - Each step asks whether the transaction can still be used: it may have ended during a wait.
 * - Clearing removes all, or, when it fails, nothing.
 */
import { type Entries, entriesOf } from './entries.ts'
import { type ByteRange, byteRangeOf, type RangeOptions } from './range.ts'
import type { TableShape } from './table-shape.ts'
import type { TransactionContext } from './transaction-context.ts'
import { openWalk } from './transaction-walks.ts'
import type { Walk } from './walk.ts'

/** As `Transaction.range`. */
export function entriesOfRange<K, V>(
  context: TransactionContext,
  table: TableShape<K, V>,
  options: RangeOptions<K>,
): Entries<K, V> {
  const { store, queue } = context
  const { keyBytesMax } = store
  const range = byteRangeOf(table, options, keyBytesMax)
  const forUpdate = options.forUpdate === true
  return entriesOf(table, {
    range,
    keyBytesMax,
    open: (rest) => openWalk(context, table.name, rest, forUpdate),
    check: () => context.checkActive(),
    isBusy: () => queue.isBusy,
    enqueue: (operation) => queue.enqueue(operation),
    waitAndRepeat: (wait, operation) => queue.waitAndRepeat(wait, operation),
    giveWay: () => store.transactions.giveWay(),
  })
}

/** As `Transaction.count`. */
export function countRange<K, V>(
  context: TransactionContext,
  table: TableShape<K, V>,
  options: RangeOptions<K>,
): Promise<number> {
  const range = byteRangeOf(table, options, context.store.keyBytesMax)
  return context.inOrder(() => forEach(context, table.name, range, options.forUpdate === true, () => undefined))
}

/** As `Transaction.clear`. */
export function clearRange<K, V>(
  context: TransactionContext,
  table: TableShape<K, V>,
  options: RangeOptions<K>,
): Promise<number> {
  const { store, active } = context
  context.beginChange()
  const range = byteRangeOf(table, options, store.keyBytesMax)
  return context.inOrder(async () => {
    const mark = store.transactions.savepoint(active)
    try {
      return await forEach(context, table.name, range, true, ({ tree, key }) => store.delete(active, tree, key))
    } catch (error) {
      await store.undoSince(active, mark)
      throw error
    }
  })
}

/** Does something with every entry of a range, once it is locked; returns how many. */
async function forEach(
  context: TransactionContext,
  name: string,
  range: ByteRange,
  forUpdate: boolean,
  visit: (walk: Walk) => void,
): Promise<number> {
  const walk = openWalk(context, name, range, forUpdate)
  try {
    for (let count = 0; ; ) {
      context.checkActive()
      const found = walk.next()
      if (found === false) return count
      if (found !== true) {
        await found
        continue
      }
      visit(walk)
      count++
      const pause = context.store.transactions.giveWay()
      if (pause !== undefined) await pause
    }
  } finally {
    walk.close()
  }
}
