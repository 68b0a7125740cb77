/**
 * Wires the managers of one open database together: the only place where they all meet.
 *
 * ```
 *   log <- buffer <- page writer <- rollback <- transactions <- space <- btree <- catalog
 *              resource managers: space and btree register; recovery calls them
 * ```
 */
import { BTree } from '../btree/btree.ts'
import { CATALOG_TREE, Catalog } from '../btree/catalog.ts'
import { LargeWriters } from '../btree/large-writers.ts'
import { UncommittedChanges } from '../btree/uncommitted.ts'
import { BufferManager } from '../buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../buffer/data-file.ts'
import { DoubleWrite } from '../buffer/double-write.ts'
import type { Lsn } from '../common/ids.ts'
import { FailStop } from '../io/fail-stop.ts'
import { cleaningUp, closeAll, closeFile, type File, type FileSystem } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { LockManager } from '../lock/lock-manager.ts'
import type { Identity } from '../log/identity.ts'
import { LogManager } from '../log/log-manager.ts'
import { type MasterRecord, MasterWriter } from '../log/master-record.ts'
import { ResourceManagers } from '../log/resource-manager.ts'
import type { Segments } from '../log/segments.ts'
import { PageWriter } from '../recovery/page-writer.ts'
import type { Passes } from '../recovery/passes.ts'
import { type TransactionEntry, TransactionTable } from '../recovery/transaction-table.ts'
import type { Rollback } from '../recovery/undo.ts'
import { OverflowStore } from '../space/overflow.ts'
import { SpaceManager } from '../space/space-manager.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { PendingQueue } from '../txn/pending-actions.ts'
import { SystemTransactions } from '../txn/system-transactions.ts'
import { TransactionManager } from '../txn/transaction-manager.ts'
import type { UncommittedChange } from '../txn/version.ts'
import { VersionStore } from '../txn/version-store.ts'
import { makeDoubleWriteWhole, openDoubleWrite, openFile, openMaster } from './files.ts'
import type { Settings } from './options.ts'

/** A transaction that has written so large a part of a segment of the log is a large one: 1 MiB by default. */
const LARGE_PARTS = 4

export interface Managers {
  readonly failStop: FailStop
  readonly log: LogManager
  readonly dataFile: DataFile
  readonly doubleWrite: DoubleWrite | undefined
  readonly buffer: BufferManager
  readonly resources: ResourceManagers<TransactionEntry>
  readonly table: TransactionTable
  readonly rollback: Rollback
  readonly locks: LockManager
  readonly pending: PendingQueue
  readonly versions: VersionStore
  readonly transactions: TransactionManager
  readonly systemTransactions: SystemTransactions
  readonly space: SpaceManager
  readonly btree: BTree
  readonly catalog: Catalog
  readonly master: MasterWriter
}

export interface Parts {
  readonly fileSystem: FileSystem
  readonly identity: Identity
  readonly segments: Segments
  readonly settings: Settings
  readonly passes: Passes
  readonly runtime: Runtime
  /** Where new log records go. */
  readonly endLsn: Lsn
  readonly nextTxnId: number
  readonly masterSequence: number
  /** The newest master record, when it was read without a doubt. */
  readonly foundMaster: MasterRecord | undefined
  /** Pages the data file is known to have durably. */
  readonly durablePageCount: number
  /** While restart has not undone all losers, every ghost may still be needed. */
  readonly isRestarting: () => boolean
}

interface Files {
  readonly dataFile: DataFile
  readonly doubleWrite: DoubleWrite | undefined
  readonly master: File
}

/** All three files, or none. Where nothing can be written no page is, and the double-write file may be missing. */
function openAll({ fileSystem, identity, settings, durablePageCount }: Parts): Files {
  const opened: File[] = []
  const keep = (file: File): File => {
    opened.push(file)
    return file
  }
  try {
    const data = keep(openFile(fileSystem, DATA_FILE_NAME, fileSystem.writable ? 'write' : 'read'))
    const isDoubled = settings.doubleWrite && fileSystem.writable
    const doubled = isDoubled ? keep(openDoubleWrite(fileSystem, identity.pageSize)) : undefined
    if (doubled !== undefined) makeDoubleWriteWhole(doubled, identity.pageSize)
    const master = keep(openMaster(fileSystem))
    const dataFile = new DataFile(data, identity, durablePageCount)
    return { dataFile, doubleWrite: doubled && new DoubleWrite(doubled, identity), master }
  } catch (error) {
    throw cleaningUp(error, () => closeAll(opened.map((file) => () => closeFile(file))))
  }
}

/** Opens the data, double-write and master files and builds the managers over them. */
export function assemble(parts: Parts): Managers {
  const { identity, settings, runtime } = parts
  const failStop = new FailStop()
  const log = new LogManager(parts.segments, identity, runtime, failStop, parts.endLsn)
  const { dataFile, doubleWrite, master: masterFile } = openAll(parts)
  const { poolBytes } = settings
  const buffer = new BufferManager({ identity, poolBytes, log, dataFile, doubleWrite, failStop, runtime })
  const resources = new ResourceManagers<TransactionEntry>()
  const table = new TransactionTable()
  const writer = new PageWriter(log, buffer, resources, table)
  const rollback = new parts.passes.Rollback(writer, resources, table)
  const locks = new LockManager(runtime, { tableSpace: CATALOG_TREE, escalateAt: settings.escalateLocksAt })
  failStop.onStop = (error) => locks.close(error)
  const large: LargeWriters = new LargeWriters(log, identity.segmentBytes / LARGE_PARTS, (tree, key) =>
    btree.stored(tree, key),
  )
  const versions = new VersionStore(() => uncommittedOf(transactions, large, log), large, settings.snapshotMaxBytes)
  const pending = new PendingQueue(
    writer,
    rollback,
    (payload) => btree.runPendingStep(payload),
    (csn) => versions.isSeenByAll(csn),
  )
  const transactions: TransactionManager = new TransactionManager({
    writer,
    rollback,
    table,
    locks,
    runtime,
    failStop,
    pending,
    versions,
    nextTxnId: parts.nextTxnId,
  })
  const newEntry = (): TransactionEntry => transactions.newEntry()
  const systemTransactions = new SystemTransactions({ writer, rollback, failStop, newEntry })
  const systemTransaction = <T>(action: (entry: TransactionEntry) => T): T => systemTransactions.run(action)
  const space = new SpaceManager(buffer, writer)
  const overflow = new OverflowStore(buffer, writer, space, systemTransaction)
  const btree: BTree = new BTree({
    buffer,
    writer,
    space,
    overflow,
    nestedTopActions: rollback,
    systemTransaction,
    isNeeded: (tree, key, start, end) =>
      parts.isRestarting() || locks.isLocked(tree, key, start, end) || versions.hasVersions(tree, key, start, end),
    addPendingAction: (entry, payload) => transactions.addPending(entry, payload),
  })
  resources.register(space)
  resources.register(btree.resourceManager)
  const master = new MasterWriter(masterFile, identity, failStop, parts.masterSequence, parts.foundMaster)
  const catalog = new Catalog(btree)
  return {
    failStop,
    log,
    dataFile,
    doubleWrite,
    buffer,
    resources,
    table,
    rollback,
    locks,
    pending,
    versions,
    transactions,
    systemTransactions,
    space,
    btree,
    catalog,
    master,
  }
}

/**
 * What the open transactions have changed, each with its changes, who was overwritten before who overwrote: those
 * that have yielded in the order of their COMMITs, then those that have not and exclude each other.
 */
function uncommittedOf(
  transactions: TransactionManager,
  large: LargeWriters,
  log: LogManager,
): (readonly [ActiveTransaction, readonly UncommittedChange[]])[] {
  const place = ({ owner }: ActiveTransaction): number => owner.yieldedLsn || Number.POSITIVE_INFINITY
  const writers = [...transactions.active].filter((writer) => writer.hasWritten && !large.isLarge(writer))
  writers.sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0))
  // Taken back from the youngest on, because each has to find what was there before the next.
  const changes = new UncommittedChanges(log, (tree, key) => large.storedOf(tree, key))
  return writers
    .reverse()
    .map((transaction) => [transaction, changes.of(transaction.entry)] as const)
    .reverse()
}
