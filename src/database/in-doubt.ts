/**
 * In-doubt transactions: prepared, and their outcome not yet known. They come through a crash and through a
 * close (Mohan et al., TODS 1992, section 6.4): restart neither ends them nor undoes them, and before anybody
 * can use the database they hold again what they need until their outcome (I36, I37):
 *
 *     X on each key they have changed           from their undo chain; keys of the catalog are table names
 *     IX on the names of those tables           looked up in the catalog by tree
 *     X on such a table instead of its keys     where these are many, as for any transaction
 *     the room in the log for their rollback    as their PREPARE says
 *     what is to be done after their commit     from the chain of PENDING records
 *
 * What was rolled back to a savepoint is not locked again: it is as if it had not been done. A lock of the
 * gap that a key was inserted into is not either: it was needed only until the key was there.
 */
import { isChangeOfKeys, keysOfRecord, treeOfRecord } from '../btree/btree-log.ts'
import { CATALOG_TREE } from '../btree/catalog.ts'
import type { Tree } from '../btree/node-page.ts'
import { assert } from '../common/assert.ts'
import type { Trace } from '../common/trace.ts'
import { LockMode } from '../lock/lock-mode.ts'
import { RecordType } from '../log/log-record.ts'
import { decodePrepare } from '../recovery/prepare-record.ts'
import { type TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'
import { changesOf } from '../recovery/undo.ts'
import type { ActiveTransaction, PreparedAs } from '../txn/active-transaction.ts'
import { readPending } from '../txn/pending-actions.ts'
import { checkMayAbort, checkMayEnd } from '../txn/refusals.ts'
import type { Managers } from './assemble.ts'
import { type CommitOptions, checkCommitOptions, durabilityOf } from './options.ts'
import type { Store } from './store.ts'

/** The keys of tables in the catalog, by their trees. */
type TableNames = ReadonlyMap<Tree, Uint8Array>

/** A prepared transaction whose outcome is open: `db.inDoubt()` lists them. */
export class InDoubtTransaction {
  /** What `prepare` was given. */
  readonly name: string
  /** Its number, as it appears in errors, in lock reports and in the log. */
  readonly id: number
  /** Where in the log it was prepared: the smaller, the longer ago. */
  readonly preparedLsn: number
  readonly #store: Store
  readonly #active: ActiveTransaction

  /** @internal Made by `Database.inDoubt`. */
  constructor(store: Store, active: ActiveTransaction) {
    assert(active.preparedAs !== undefined, 'what is in doubt has been prepared')
    this.name = active.preparedAs.name
    this.id = active.txnId
    this.preparedLsn = active.preparedAs.lsn
    this.#store = store
    this.#active = active
  }

  /**
   * Commits it, at `full` unless the call says otherwise. A weaker level may bring it back in doubt after a crash.
   * @throws `TX_CLOSED` when its outcome is decided already, `INVALID_ARGUMENT`, `TX_OUTCOME_UNKNOWN`, `DB_CLOSED`, `DB_FAILED`, `DB_READ_ONLY`
   */
  async commit(options: CommitOptions = {}): Promise<void> {
    checkCommitOptions(options)
    checkMayEnd(this.#active)
    await this.#store.commit(this.#active, durabilityOf(options.durability ?? 'full'))
  }

  /**
   * Rolls it back, durably.
   * @throws as `commit`; `PAGE_CORRUPT`, `DISK_FULL`, `IO_ERROR`: then it stays locked, and `abort` may be called again
   */
  async abort(): Promise<void> {
    checkMayAbort(this.#active)
    await this.#store.abort(this.#active)
  }
}

/** Whether all transactions in the table are prepared: then nothing is left for a restart to do. */
export function areAllPrepared(entries: Iterable<TransactionEntry>): boolean {
  for (const { status } of entries) if (status !== TxnStatus.PREPARED) return false
  return true
}

/**
 * Gives the prepared transactions of the table back what they held. `isWritable`: where nothing can be
 * written they cannot end, and need no room in the log for it.
 * @throws `LOG_CORRUPT`, `PAGE_CORRUPT` (a page of the catalog), `DISK_FULL`, `IO_ERROR`
 */
export function resumeInDoubt(managers: Managers, isWritable: boolean, trace: Trace): void {
  const entries = [...managers.table].filter(({ status }) => status === TxnStatus.PREPARED)
  if (entries.length === 0) return
  const transactions = entries.sort((a, b) => a.lastLsn - b.lastLsn).map((entry) => resume(managers, entry, isWritable))
  const names = new Map<Tree, Uint8Array>()
  for (const { name, tree } of managers.catalog.list()) {
    names.set(tree, managers.catalog.keyOf(name))
    managers.locks.names.set(tree, name)
  }
  const trees = transactions.map((transaction) => lockTables(managers, transaction, names))
  // A table can be locked as a whole only when it is known who else has changed it.
  for (const [i, transaction] of transactions.entries()) {
    lockKeys(managers, transaction, names, trees[i] as Map<Tree, number>)
    trace?.({ kind: 'in-doubt', txnId: transaction.txnId, ...(transaction.preparedAs as PreparedAs) })
  }
}

function resume(managers: Managers, entry: TransactionEntry, isWritable: boolean): ActiveTransaction {
  const { log, transactions } = managers
  const lsn = entry.lastLsn
  const record = log.read(lsn)
  assert(record.type === RecordType.PREPARE, 'the last record of a prepared transaction is its PREPARE (I36)')
  const { name, reservedBytes } = decodePrepare(record)
  if (isWritable) {
    log.reserve(reservedBytes, 0)
    entry.reservedBytes = reservedBytes
  }
  return transactions.adopt(entry, { name, lsn }, readPending(log, entry))
}

/**
 * Locks the names of tables: X where it has changed them, IX where it has changed keys of the tables.
 * Returns the trees whose keys are to be locked, with the number of its changes in each.
 */
function lockTables(managers: Managers, transaction: ActiveTransaction, names: TableNames): Map<Tree, number> {
  const { locks, log } = managers
  const trees = new Map<Tree, number>()
  for (const record of changesOf(log, transaction.entry)) {
    if (!isChangeOfKeys(record)) continue
    const tree = treeOfRecord(record)
    const keys = keysOfRecord(record)
    if (tree === CATALOG_TREE) for (const key of keys) lock(managers, transaction, tree, key, LockMode.X)
    else trees.set(tree, (trees.get(tree) ?? 0) + keys.length)
  }
  for (const tree of trees.keys()) {
    const name = names.get(tree)
    if (name !== undefined) lock(managers, transaction, CATALOG_TREE, name, LockMode.IX)
    // It has made the table, or dropped it, which is why it is not in the catalog: the name has X.
    if (name !== undefined && locks.tableModeOf(transaction.owner, name) !== LockMode.X) continue
    locks.cover(transaction.owner, tree, LockMode.X)
    trees.delete(tree)
  }
  return trees
}

/** Locks the keys it has changed in `trees`, or all of a table where these are many and nobody is in the way. */
function lockKeys(
  managers: Managers,
  transaction: ActiveTransaction,
  names: TableNames,
  trees: Map<Tree, number>,
): void {
  const { locks, log } = managers
  for (const [tree, count] of trees) {
    const isMany = count >= locks.settings.escalateAt
    if (isMany && locks.escalate(transaction.owner, names.get(tree) as Uint8Array, tree, LockMode.X)) trees.delete(tree)
  }
  if (trees.size === 0) return
  for (const record of changesOf(log, transaction.entry)) {
    if (!isChangeOfKeys(record)) continue
    const tree = treeOfRecord(record)
    if (!trees.has(tree)) continue
    for (const key of keysOfRecord(record)) lock(managers, transaction, tree, key, LockMode.X)
  }
}

function lock(managers: Managers, { owner }: ActiveTransaction, tree: Tree, key: Uint8Array, mode: LockMode): void {
  const wait = managers.locks.acquire(owner, tree, key, mode, 0)
  assert(wait === undefined, 'transactions in doubt together held these locks together before (I36)')
}
