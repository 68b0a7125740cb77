/** Planted bugs of the database: creation, open, close, locking by transaction handles, and the I/O below. */
import type { PlantedBug } from './planted-bug.ts'

const OPEN = 'src/database/open.ts'
const FILES = 'src/database/files.ts'
const DATABASE = 'src/database/database.ts'
const TRANSACTION = 'src/database/transaction.ts'
const LOCKS = 'src/database/transaction-locks.ts'
const LOCKED_WALK = 'src/database/locked-walk.ts'

export const DATABASE_BUGS: readonly PlantedBug[] = [
  {
    name: 'creation-finished-too-early',
    invariant: 'I13',
    sentence: 'The marker of a half-made database goes before the first checkpoint is there.',
    file: OPEN,
    find: `    await checkpointer.take()
    finishCreation(fileSystem)`,
    replace: `    finishCreation(fileSystem)
    await checkpointer.take()`,
    first: 'exhaustive.test.ts',
  },
  {
    name: 'older-data-file-believed',
    invariant: 'I39',
    sentence:
      'An open takes a data file that has not seen the checkpoint of the master record, so redo begins behind what it lacks.',
    file: FILES,
    find: 'if (checkpointLsn < (newest?.checkpointLsn ?? NULL_LSN))',
    replace: 'if (checkpointLsn < NULL_LSN)',
    first: 'older-data.property.test.ts',
  },
  {
    name: 'creation-marker-not-durable',
    invariant: 'I16',
    sentence:
      'The marker of a half-made database is not durable before its files are made, so a crash leaves parts that look like damage.',
    file: FILES,
    find: `    fileSystem.rename(NEW_MARKER_NAME, CREATING_FILE_NAME)
    fileSystem.syncDirectory()`,
    replace: '    fileSystem.rename(NEW_MARKER_NAME, CREATING_FILE_NAME)',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'end-of-creation-not-durable',
    invariant: 'I18',
    sentence:
      'That the marker of a half-made database is gone is not made durable, so after a power cut the database is made anew over what was committed.',
    file: FILES,
    find: `    fileSystem.remove(CREATING_FILE_NAME)
    fileSystem.syncDirectory()`,
    replace: '    fileSystem.remove(CREATING_FILE_NAME)',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'restart-trusts-page-cache',
    invariant: 'I16',
    sentence: 'Restart after a process kill believes what it reads without syncing it, and a power cut takes it away.',
    file: OPEN,
    find: '    makeDurable(fileSystem)\n',
    replace: '',
  },
  {
    name: 'clean-close-leaves-dirty-pages',
    invariant: 'I15',
    sentence: 'A clean close does not write the dirty pages, and the next open sees no reason to recover.',
    file: DATABASE,
    find: 'await managers.buffer.writeAll()',
    replace: '',
  },
  {
    name: 'clean-mark-outlives-writes',
    invariant: 'I18',
    sentence: 'The mark of a clean close is believed although the log goes on behind it.',
    file: OPEN,
    find: 'master.isClean && analysis.endLsn === master.endLsn && location',
    replace: 'master.isClean && location',
  },
  {
    name: 'no-checkpoint-after-restart',
    invariant: 'I15',
    sentence: 'Restart leaves its work to be repeated by every later restart.',
    file: OPEN,
    find: 'if (checkpointer.logBytesSince > 0 || location.notices.length > 0) await checkpointer.take()',
    replace: '',
  },
  {
    name: 'segment-recycled-up-to-checkpoint',
    invariant: 'I12',
    sentence: 'Everything below the last checkpoint is recycled, whatever undo and redo may need of it.',
    file: 'src/database/maintenance.ts',
    find: 'const { lsn } = checkpointer.lowWater',
    replace: 'const lsn = checkpointer.checkpointLsn',
  },
  {
    name: 'close-does-not-wait-for-commits',
    invariant: 'I17',
    sentence: 'Close goes on while commits are in flight, and nobody ever hears of them.',
    file: DATABASE,
    find: '      await transactions.settled()',
    replace: '      if (transactions.isEnding) break',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'get-takes-no-lock',
    invariant: 'I21',
    sentence: 'A read takes no lock and shows what others have not committed.',
    file: TRANSACTION,
    find: 'const wait = locks.lock(tree, bytes, mode)',
    replace: 'const wait = mode === LockMode.X ? locks.lock(tree, bytes, mode) : undefined',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'delete-takes-shared-lock',
    invariant: 'I21',
    sentence: 'A delete locks its key as a read does, and two transactions write the same row.',
    file: TRANSACTION,
    find: `const wait = locks.lock(tree, bytes, LockMode.X)
      if (wait !== undefined) return queue.repeatWith(bytes, wait, (own) => this.#delete(name, own))`,
    replace: `const wait = locks.lock(tree, bytes, LockMode.S)
      if (wait !== undefined) return queue.repeatWith(bytes, wait, (own) => this.#delete(name, own))`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'table-dropped-under-its-users',
    invariant: 'I21',
    sentence: 'Making or dropping a table locks it as a write does and does not wait for who uses it.',
    file: 'src/database/transaction-tables.ts',
    find: 'locks.treeOf(table.name, LockMode.X)',
    replace: 'locks.treeOf(table.name, LockMode.IX)',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'dropped-table-still-known',
    invariant: 'I18',
    sentence: 'After a drop the transaction still knows the table, and writes into pages that are about to be freed.',
    file: LOCKS,
    find: 'if (table !== undefined) table.tree = undefined',
    replace: 'void table',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'rolled-back-table-still-known',
    invariant: 'I18',
    sentence: 'After a rollback within the transaction it still knows a table whose creation was undone.',
    file: 'src/database/transaction-context.ts',
    find: `  forgetTrees(): void {
    this.locks.forgetTrees()
`,
    replace: `  forgetTrees(): void {
`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'cancelled-but-not-rolled-back',
    invariant: 'I17',
    sentence: 'An aborted signal ends the wait for a lock and not the transaction, which keeps its locks.',
    file: 'src/database/cancellation.ts',
    find: "if (active.state === 'active') void rollBackBecause(cancelledError(signal), store, active)",
    replace: 'store.locks.cancelWait(active.owner, cancelledError(signal))',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'victim-heard-of-before-its-rollback',
    invariant: 'I17',
    sentence: "A deadlock's victim hears of it while it is still being rolled back and has all its locks.",
    file: LOCKS,
    find: 'if (error === this.#active.cause) await this.#active.forcedRollback',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'abort-leaves-its-wait',
    invariant: 'I17',
    sentence:
      'An abort does not end the wait of an operation of its own, which later gets a lock that nobody gives back.',
    file: 'src/txn/transaction-manager.ts',
    find: "this.#locks.cancelWait(owner, transaction.cause ?? closedError('it was aborted'))",
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'range-passes-over-uncommitted-deletes',
    invariant: 'I21',
    sentence:
      'A range passes over a ghost without its lock, so it does not see a row whose delete is rolled back later.',
    file: LOCKED_WALK,
    find: "    const wait = this.#lock(tree, key, 'record')",
    replace: `    if (cursor.isGhost) {
      this.#key = key
      return true
    }
    const wait = this.#lock(tree, key, 'record')`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'range-passes-over-what-it-waited-for',
    invariant: 'I18',
    sentence: 'A range that waited for the lock of a row goes on behind it, and leaves the row out.',
    file: LOCKED_WALK,
    find: 'if (wait !== undefined) this.#isFresh = false',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'gap-not-locked-on-the-way',
    invariant: 'I21',
    sentence: 'A range locks the rows it meets and not the gaps between them, and phantoms come in.',
    file: LOCKED_WALK,
    find: "this.#isStart(key) ? this.#lock(tree, key, 'record') : this.#lockGap(tree, key, 'both')",
    replace: "this.#lock(tree, key, 'record')",
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'gap-behind-the-range-not-locked',
    invariant: 'I21',
    sentence: 'A range does not lock the gap that its upper bound lies in, so rows can be added behind the last one.',
    file: LOCKED_WALK,
    find: 'return this.#lockToNext(tree, key, isThere) ?? false',
    replace: 'return false',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'gap-bounded-by-an-uncommitted-insert',
    invariant: 'I21',
    sentence:
      'A range ends at a key that another transaction has inserted and may roll back, and with the key the gap goes.',
    file: LOCKED_WALK,
    find: "isKey ? this.#lockGap(tree, next, 'both') :",
    replace: "isKey ? this.#lockGap(tree, next, 'gap') :",
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'gap-above-a-reverse-range-not-locked',
    invariant: 'I21',
    sentence: 'A range that is walked backwards begins at its first row, and the gap above it stays open.',
    file: LOCKED_WALK,
    find: "if (start === undefined) return this.#lock(tree, END_OF_TREE, 'gap')",
    replace: 'if (start === undefined) return undefined',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'gap-left-behind-by-a-reverse-range',
    invariant: 'I21',
    sentence: 'A range that is walked backwards does not lock the gap between a row and the next smaller one.',
    file: LOCKED_WALK,
    find: "this.#lockAboveStart(tree, cursor) : this.#lockGap(tree, this.#key, 'gap')",
    replace: 'this.#lockAboveStart(tree, cursor) : undefined',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'insert-ignores-gaps',
    invariant: 'I21',
    sentence: 'A put locks its key and does not ask who keeps the gap that the key comes into.',
    file: LOCKS,
    find: 'if (!locks.keepsGapsIn(tree)) return',
    replace: 'if (locks !== undefined) return',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'locks-without-a-bound',
    invariant: 'I35',
    sentence: 'While others use a table it is only tried for and never waited for, and the locks in it have no bound.',
    file: 'src/database/table-lock.ts',
    find: 'if (count >= this.#escalateAt * PATIENCE) return true',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'reader-passes-by-the-table',
    invariant: 'I21',
    sentence: 'A reader locks the keys it reads and not their table, which another has locked as a whole.',
    file: LOCKS,
    find: `    const wait = this.#acquire(CATALOG_TREE, this.#store.catalog.keyOf(name), mode)
    if (wait`,
    replace: `    const isReader = mode === LockMode.IS
    const wait = isReader ? undefined : this.#acquire(CATALOG_TREE, this.#store.catalog.keyOf(name), mode)
    if (wait`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'split-gap-kept-in-one-part',
    invariant: 'I21',
    sentence: 'A transaction that puts a key into a gap it keeps goes on keeping only the part behind the key.',
    file: LOCKS,
    find: "keepsIt ? LockMode['X+gapS'] : LockMode.X",
    replace: 'keepsIt ? LockMode.X : LockMode.X',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'short-write-ignored',
    invariant: 'I28',
    sentence: 'A write that the system cut short counts as done.',
    file: 'src/io/file-system.ts',
    find: `    done += count
  }
}`,
    replace: `    done += Math.max(count, length)
  }
}`,
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'failure-forgotten',
    invariant: 'I28',
    sentence: 'After a failed sync the engine goes on as if it had never happened.',
    file: 'src/io/fail-stop.ts',
    find: 'if (this.#failed) throw this.error()',
    replace: '',
    first: 'failing-disk.property.test.ts',
  },
]
