/** Planted bugs of prepared transactions: in the log, at restart, at close, and in how they end. */
import type { PlantedBug } from './planted-bug.ts'

const IN_DOUBT = 'src/database/in-doubt.ts'
const DATABASE = 'src/database/database.ts'
const OPEN = 'src/database/open.ts'
const TRANSACTION_MANAGER = 'src/txn/transaction-manager.ts'

export const IN_DOUBT_BUGS: readonly PlantedBug[] = [
  {
    name: 'prepare-acknowledged-before-flush',
    invariant: 'I36',
    sentence: 'A prepare asks for the flush and does not wait for it, so a crash may take back what was promised.',
    file: TRANSACTION_MANAGER,
    find: `await this.#writer.log.waitDurable(lsn)
    } catch (error) {
      throw outcomeUnknown('prepare'`,
    replace: `void this.#writer.log.waitDurable(lsn)
    } catch (error) {
      throw outcomeUnknown('prepare'`,
  },
  {
    name: 'in-doubt-undone-at-restart',
    invariant: 'I36',
    sentence: 'Restart takes a prepared transaction for a loser and rolls it back.',
    file: 'src/recovery/restart.ts',
    find: '    if (entry.status === TxnStatus.PREPARED) continue\n',
    replace: '',
  },
  {
    name: 'prepared-lost-at-checkpoint',
    invariant: 'I36',
    sentence: 'A checkpoint writes down a prepared transaction as a running one, and a restart from it rolls it back.',
    file: 'src/recovery/checkpoint-record.ts',
    find: '[entry.id, entry.status,',
    replace: '[entry.id, entry.status === 4 ? 1 : entry.status,',
  },
  {
    name: 'in-doubt-keys-not-locked-again',
    invariant: 'I36',
    sentence: 'After a restart the rows that a prepared transaction has changed are free for everybody.',
    file: IN_DOUBT,
    find: 'if (!trees.has(tree)) continue',
    replace: 'continue',
  },
  {
    name: 'in-doubt-tables-not-locked-again',
    invariant: 'I36',
    sentence: 'After a restart a table can be dropped that a prepared transaction has changed.',
    file: IN_DOUBT,
    find: 'if (name !== undefined) lock(managers, transaction, CATALOG_TREE, name, LockMode.IX)',
    replace: '',
  },
  {
    name: 'in-doubt-names-not-locked-again',
    invariant: 'I36',
    sentence: 'After a restart the name of a table that a prepared transaction has made or dropped is not locked.',
    file: IN_DOUBT,
    find: 'if (tree === CATALOG_TREE) for (const key of keys) lock(managers, transaction, tree, key, LockMode.X)',
    replace: 'if (tree === CATALOG_TREE) continue',
  },
  {
    name: 'in-doubt-dropped-by-clean-open',
    invariant: 'I36',
    sentence: 'An open after a clean shutdown takes it that there are no transactions, and forgets what is in doubt.',
    file: OPEN,
    find: 'if (isClean) keepPrepared(managers, analysis)',
    replace: '',
  },
  {
    name: 'close-rolls-back-in-doubt',
    invariant: 'I36',
    sentence: 'A close rolls back prepared transactions with the open ones.',
    file: DATABASE,
    find: "if (active.state === 'active') await rollBackBecause(",
    replace: "if (active.state === 'active' || active.state === 'prepared') await rollBackBecause(",
  },
  {
    name: 'in-doubt-spoils-clean-close',
    invariant: 'I15',
    sentence: 'With something in doubt no shutdown counts as clean, and each open recovers and writes.',
    file: DATABASE,
    find: 'areAllPrepared(managers.table) &&',
    replace: 'managers.table.size === 0 &&',
  },
  {
    name: 'in-doubt-log-not-kept',
    invariant: 'I37',
    sentence:
      'Until the first checkpoint after an open, the log of what is in doubt is recycled, and it cannot be rolled back.',
    file: OPEN,
    find: 'analysis.dirtyPages.values(), firstLsns)',
    replace: 'analysis.dirtyPages.values(), [])',
  },
  {
    name: 'in-doubt-room-not-kept',
    invariant: 'I37',
    sentence: 'Restart holds back no log for the rollback of what is in doubt.',
    file: IN_DOUBT,
    find: `    log.reserve(reservedBytes, 0)
    entry.reservedBytes = reservedBytes
`,
    replace: '',
  },
  {
    name: 'in-doubt-pending-actions-lost',
    invariant: 'I37',
    sentence: 'What a prepared transaction was to do after its commit is forgotten by a restart, and pages leak.',
    file: TRANSACTION_MANAGER,
    find: 'new ActiveTransaction(entry, this.#runtime.nowMs(), pending)',
    replace: 'new ActiveTransaction(entry, this.#runtime.nowMs())',
  },
  {
    name: 'prepare-without-pending-actions',
    invariant: 'I37',
    sentence:
      'PREPARE does not name the last PENDING, so after a restart there is nothing to be done after the commit.',
    file: 'src/recovery/prepare-record.ts',
    find: 'setU53(writer.log.view, at, entry.lastPendingLsn)',
    replace: 'setU53(writer.log.view, at, NULL_LSN)',
  },
  {
    name: 'in-doubt-abort-not-durable',
    invariant: 'I36',
    sentence: 'The abort of a prepared transaction is acknowledged before it is durable, and a crash brings it back.',
    file: TRANSACTION_MANAGER,
    find: 'if (transaction.preparedAs !== undefined) await this.#writer.log.waitDurable(endLsn)',
    replace: '',
  },
]
