/**
 * The kinds of transactions whose histories are checked, and which of them run side by side. A further
 * level of the engine is one more line of each table.
 *
 * A transaction that only reads a snapshot counts as one at level snapshot. Since nobody overwrites what
 * it wrote, it cannot be what allows a cycle: beside serializable ones there is none.
 */
import type { Database } from '../../src/database/database.ts'
import type { Isolation } from '../../src/database/options.ts'
import type { RangeOptions } from '../../src/database/range.ts'
import type { Snapshot } from '../../src/database/snapshot.ts'
import type { Table } from '../../src/database/table.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import type { Level } from './history.ts'

/** What a transaction is used for here. */
export interface Operations
  extends Pick<
    Transaction,
    'isActive' | 'get' | 'put' | 'putMany' | 'delete' | 'savepoint' | 'rollbackTo' | 'prepare' | 'commit' | 'abort'
  > {
  range<K, V>(table: Table<K, V>, options: RangeOptions<K>): AsyncIterable<[K, V]>
}

export interface Kind {
  readonly level: Level
  readonly isReadOnly: boolean
  readonly begin: (db: Database, signal: AbortSignal) => Operations
}

const writing = (level: Isolation): Kind => ({
  level,
  isReadOnly: false,
  begin: (db, signal) => db.begin({ isolation: level, signal }),
})

export const READ_ONLY: Kind = {
  level: 'snapshot',
  isReadOnly: true,
  begin: (db, signal) => db.begin({ readOnly: true, signal }),
}
const SNAPSHOT: Kind = { level: 'snapshot', isReadOnly: true, begin: (db) => operationsOf(db.snapshot()) }

export const MIXES = {
  serializable: [writing('serializable')],
  snapshot: [writing('snapshot')],
  'read-committed': [writing('read-committed')],
  'serializable beside read-only': [writing('serializable'), writing('serializable'), READ_ONLY, SNAPSHOT],
  'all side by side': [
    writing('serializable'),
    writing('snapshot'),
    writing('read-committed'),
    READ_ONLY,
    SNAPSHOT,
    {
      ...writing('read-committed'),
      isReadOnly: true,
      begin: (db, signal) => db.begin({ isolation: 'read-committed', readOnly: true, signal }),
    },
  ],
} as const satisfies Readonly<Record<string, readonly Kind[]>>

export type Mix = keyof typeof MIXES
export const MIX_NAMES = Object.keys(MIXES) as readonly Mix[]

/** A snapshot as a transaction that never waits. */
function operationsOf(snapshot: Snapshot): Operations {
  const close = async (): Promise<void> => snapshot.close()
  const never = async (): Promise<never> => {
    throw new Error('a snapshot is only read')
  }
  return {
    get isActive() {
      return snapshot.isOpen
    },
    get: async (table, key) => snapshot.get(table, key),
    async *range(table, { forUpdate: _, ...options }) {
      yield* snapshot.range(table, options)
    },
    put: never,
    putMany: never,
    delete: never,
    savepoint: never,
    rollbackTo: never,
    prepare: never,
    commit: close,
    abort: close,
  }
}
