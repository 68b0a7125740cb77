/** Filling a table: transactions of a thousand rows. */
import { KeySlab, type Order, valueFor } from './data.ts'
import type { Store } from './engines/engine.ts'

const BATCH_ROWS = 1000

/**
 * What loads the rows below `count`, with its keys made, which takes a while; called, it resolves with how many
 * seconds it took, from the first call to the last acknowledgement.
 */
export function prepareLoad(store: Store, count: number, order: Order, makeValue = valueFor): () => Promise<number> {
  const keys = KeySlab.ofAll(count, order)
  return async () => {
    const startedMs = performance.now()
    for (let start = 0; start < count; start += BATCH_ROWS) {
      const batchKeys: Buffer[] = []
      const batchValues: Buffer[] = []
      for (let i = start; i < Math.min(count, start + BATCH_ROWS); i++) {
        batchKeys.push(keys.at(i))
        batchValues.push(makeValue(i))
      }
      await store.putAll(batchKeys, batchValues)
    }
    return (performance.now() - startedMs) / 1000
  }
}

export const load = (store: Store, count: number, order: Order, makeValue = valueFor): Promise<number> =>
  prepareLoad(store, count, order, makeValue)()
