/** Planted bugs of the transaction manager: commit, rollback, savepoints, pending actions. */
import type { PlantedBug } from './planted-bug.ts'

const TRANSACTION_MANAGER = 'src/txn/transaction-manager.ts'
const PENDING_ACTIONS = 'src/txn/pending-actions.ts'
const OVERWRITING = 'overwriting.property.test.ts'
const HINDERED = 'hindered.property.test.ts'

export const TXN_BUGS: readonly PlantedBug[] = [
  {
    name: 'commit-acknowledged-before-flush',
    invariant: 'I2',
    sentence: 'A commit at full durability asks for the flush and does not wait for it.',
    file: 'src/txn/durable-commits.ts',
    find: 'await group.flush',
    replace: 'void group.flush',
    first: 'durability.property.test.ts',
  },
  {
    name: 'lazy-commit-not-written',
    invariant: 'I18',
    sentence: 'A lazy commit stays in the log buffer, so it does not survive the death of the process.',
    file: 'src/txn/lazy-commits.ts',
    find: 'this.#ports.writeOut()',
    replace: '',
  },
  {
    name: 'commit-names-no-pending-actions',
    invariant: 'I32',
    sentence: 'COMMIT does not link to the pending actions, so after a crash nobody carries them out and pages leak.',
    file: 'src/txn/commit-record.ts',
    find: 'setU53(writer.log.view, at, entry.lastPendingLsn)',
    replace: 'setU53(writer.log.view, at, NULL_LSN)',
  },
  {
    name: 'locks-released-before-durable',
    invariant: 'I21',
    sentence:
      'Locks are given back when COMMIT is appended, so others are told of what a power cut may still take back.',
    file: TRANSACTION_MANAGER,
    find: "    transaction.state = 'committing'\n    if (",
    replace: "    transaction.state = 'committing'\n    this.#locks.releaseAll(transaction.owner)\n    if (",
    first: 'crash.property.test.ts',
  },
  {
    name: 'locks-released-before-rollback',
    invariant: 'I21',
    sentence: 'An abort gives its locks back before it has undone anything.',
    file: TRANSACTION_MANAGER,
    find: "transaction.state = 'rolling-back'",
    replace: `transaction.state = 'rolling-back'
    this.#locks.releaseAll(owner)`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'savepoint-releases-locks',
    invariant: 'I21',
    sentence: 'A rollback to a savepoint gives back all locks, also of what was written before the savepoint.',
    file: TRANSACTION_MANAGER,
    find: `      await this.#undoSliced(transaction, mark.lsn)
    } catch`,
    replace: `      await this.#undoSliced(transaction, mark.lsn)
      this.#locks.releaseAll(transaction.owner)
    } catch`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'unlogged-commit-waits-for-nothing',
    invariant: 'I2',
    sentence: 'A put of what is there already is acknowledged at once, although that may not be durable yet.',
    file: TRANSACTION_MANAGER,
    find: 'const lsn = transaction.hasWritten ? this.#logCommit(transaction) : this.#lastCommitLsn',
    replace: 'const lsn = transaction.hasWritten ? this.#logCommit(transaction) : NULL_LSN',
    first: 'overwriting.property.test.ts',
  },
  {
    name: 'reader-keeps-its-locks',
    invariant: 'I17',
    sentence: 'A transaction that only read ends without giving its locks back.',
    file: TRANSACTION_MANAGER,
    find: `    else this.statistics.readOnly++
    this.#finish(transaction, 'committed')`,
    replace: `    else this.statistics.readOnly++
    if (transaction.hasWritten) return this.#finish(transaction, 'committed')
    transaction.state = 'committed'
    this.#active.remove(transaction)`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'savepoint-undoes-too-much',
    invariant: 'I18',
    sentence: 'A rollback to a savepoint undoes the last change before it as well.',
    file: TRANSACTION_MANAGER,
    find: `      await this.#undoSliced(transaction, mark.lsn)
    } catch`,
    replace: `      await this.#undoSliced(transaction, Math.max(0, mark.lsn - 1) as Lsn)
    } catch`,
  },
  {
    name: 'savepoint-undoes-too-little',
    invariant: 'I18',
    sentence: 'A rollback to a savepoint stops before the first change that was made after it.',
    file: TRANSACTION_MANAGER,
    find: 'while (entry.undoNextLsn > toLsn) {',
    replace:
      'while (entry.undoNextLsn > toLsn && (toLsn === NULL_LSN || this.#writer.log.read(entry.undoNextLsn).prevLsn > toLsn)) {',
  },
  {
    name: 'savepoint-keeps-pending-actions',
    invariant: 'I32',
    sentence:
      'What was registered for after the commit stays registered when it is rolled back, and pages in use are freed.',
    file: TRANSACTION_MANAGER,
    find: `      this.#endWork()
    }
    this.#forgetPendingSince(transaction, mark)`,
    replace: `      this.#endWork()
    }`,
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'savepoint-keeps-pending-chain',
    invariant: 'I32',
    sentence: 'COMMIT still links to an action that was rolled back; only a restart carries it out.',
    file: TRANSACTION_MANAGER,
    find: `    pending.length = mark.pendingCount
    entry.lastPendingLsn = pending.at(-1)?.lsn ?? NULL_LSN
  }

  /**`,
    replace: `    pending.length = mark.pendingCount
  }

  /**`,
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'pending-action-not-resumed',
    invariant: 'I32',
    sentence: 'Restart ends a committed transaction without carrying out what it had left to do.',
    file: 'src/database/open.ts',
    find: 'pending.add(entry, readPending(log, entry), 0)',
    replace: 'pending.add(entry, [], 0)',
  },
  {
    name: 'pending-action-ended-after-first-step',
    invariant: 'I32',
    sentence: 'An action of several steps counts as done after the first one, and the rest of its pages leaks.',
    file: PENDING_ACTIONS,
    find: 'if (this.#runStep(action.payload)) {',
    replace: `this.#runStep(action.payload)
      {`,
    first: 'exhaustive.test.ts',
  },
  {
    name: 'pending-actions-before-the-last-lost',
    invariant: 'I32',
    sentence: 'Restart carries out only the last pending action of a transaction and loses the chain behind it.',
    file: PENDING_ACTIONS,
    find: `    lsn = pendingLsnOf(record)
  }`,
    replace: `    lsn = NULL_LSN
  }`,
  },
  {
    name: 'pending-action-done-twice',
    invariant: 'I32',
    sentence: 'PENDING_DONE is not believed at restart, and an action of an earlier life is carried out again.',
    file: PENDING_ACTIONS,
    find: 'if (!done.has(lsn))',
    replace: 'if (lsn !== NULL_LSN)',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'transaction-number-used-twice',
    invariant: 'I5',
    sentence: 'After a restart transactions are numbered from 1 again, so records of two of them are taken for one.',
    file: 'src/database/open.ts',
    find: 'nextTxnId: analysis.nextTxnId,',
    replace: 'nextTxnId: 1,',
  },
  {
    name: 'looks-behind-what-it-has-overwritten',
    invariant: 'I21',
    sentence: 'Who has overwritten what is not durable yet, and takes it back, may look at it.',
    file: TRANSACTION_MANAGER,
    find: 'if (!this.#dependsOnTheDisk(transaction)) return undefined',
    replace: 'if (transaction !== undefined) return undefined',
    first: OVERWRITING,
  },
  {
    name: 'lazy-commit-before-what-it-has-overwritten',
    invariant: 'I34',
    sentence: 'A lazy commit is acknowledged and seen although what it has overwritten is not durable yet.',
    file: TRANSACTION_MANAGER,
    find: 'this.#isVolatile(lsn)) || this.#dependsOnTheDisk(transaction)',
    replace: 'this.#isVolatile(lsn))',
    first: OVERWRITING,
  },
  {
    name: 'undo-chains-in-no-order',
    invariant: 'I34',
    sentence:
      'When versions begin to be kept, who has overwritten whom is not asked, so readers get what is uncommitted.',
    file: 'src/database/assemble.ts',
    find: 'writers.sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0))',
    replace: '',
    first: OVERWRITING,
  },
  {
    name: 'snapshot-writer-overtakes',
    invariant: 'I34',
    sentence: 'Who reads at a fixed point overwrites what has committed since, before that is counted as a conflict.',
    file: 'src/database/transaction.ts',
    find: 'locks.lockForPut(tree, bytes, view === undefined)',
    replace: 'locks.lockForPut(tree, bytes, true)',
    first: 'history.property.test.ts',
  },
  {
    name: 'stuck-transaction-gives-its-locks-back',
    invariant: 'I21',
    sentence:
      'A transaction that could not be rolled back gives its locks back, so others see what is still to be undone.',
    file: TRANSACTION_MANAGER,
    find: "    transaction.state = 'stuck'\n",
    replace: "    transaction.state = 'stuck'\n    this.#locks.releaseAll(transaction.owner)\n",
    first: HINDERED,
  },
  {
    name: 'stuck-rollback-begins-behind-the-failure',
    invariant: 'I6',
    sentence: 'A rollback that is tried again leaves out the record at which it failed.',
    file: TRANSACTION_MANAGER,
    find: '      this.#rollback.undoNext(entry)\n',
    replace:
      '      try {\n        this.#rollback.undoNext(entry)\n      } catch (error) {\n        entry.undoNextLsn = this.#writer.log.read(entry.undoNextLsn).prevLsn\n        throw error\n      }\n',
    first: HINDERED,
  },
]
