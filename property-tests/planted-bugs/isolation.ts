/** Planted bugs of what transactions may see of each other. */
import type { PlantedBug } from './planted-bug.ts'

const HISTORY = 'history.property.test.ts'
const TRANSACTION = 'src/database/transaction.ts'
const TRANSACTION_MANAGER = 'src/txn/transaction-manager.ts'

export const ISOLATION_BUGS: readonly PlantedBug[] = [
  {
    name: 'absent-key-not-locked',
    invariant: 'I21',
    sentence: 'A read that finds nothing takes no lock, and what it did not find can be inserted.',
    file: TRANSACTION,
    find: 'const wait = locks.lock(tree, bytes, mode)',
    replace: `const isAbsent = store.btree.get(tree, bytes, 0, bytes.length) === undefined
      const wait = isAbsent && isRead ? undefined : locks.lock(tree, bytes, mode)`,
    first: HISTORY,
  },
  {
    name: 'victim-keeps-its-locks',
    invariant: 'I17',
    sentence: "A deadlock's victim is rolled back and does not give back its locks.",
    file: TRANSACTION_MANAGER,
    find: 'this.#locks.releaseAll(transaction.owner)',
    replace: 'if (transaction.cause === undefined) this.#locks.releaseAll(transaction.owner)',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'read-for-update-not-checked',
    invariant: 'I34',
    sentence: 'At snapshot a read for update shows the newest value, whoever has written it since the begin.',
    file: TRANSACTION,
    find: `      view?.checkMayChange(tree, bytes)
      const value =`,
    replace: '      const value =',
    first: HISTORY,
  },
  {
    name: 'range-for-update-not-checked',
    invariant: 'I34',
    sentence:
      'At snapshot a range for update shows the newest values of rows that others have changed since the begin.',
    file: 'src/database/transaction-walks.ts',
    find: 'if (wait === undefined) view.checkMayChange(tree, key)',
    replace: '',
    first: HISTORY,
  },
  {
    name: 'read-only-sees-many-moments',
    invariant: 'I34',
    sentence: 'Each operation of a read-only transaction reads the newest state, not that of its begin.',
    file: 'src/database/transaction-context.ts',
    find: "readOnly && isolation === 'serializable' ? 'snapshot' : isolation",
    replace: "readOnly && isolation === 'serializable' ? 'read-committed' : isolation",
    first: HISTORY,
  },
  {
    name: 'range-sees-two-moments',
    invariant: 'I34',
    sentence: 'A range at read-committed shows of each row the newest state when it comes by.',
    file: 'src/database/version-view.ts',
    find: 'if (this.#isFixed) return { view: this }',
    replace: 'return { view: this }',
    first: HISTORY,
  },
  {
    name: 'visible-before-durable',
    invariant: 'I34',
    sentence: 'Snapshots show a commit that a power cut may still take back.',
    file: TRANSACTION_MANAGER,
    find: "    transaction.state = 'committing'\n    if (",
    replace: "    transaction.state = 'committing'\n    this.#versions.commit(transaction)\n    if (",
    first: HISTORY,
  },
  {
    name: 'single-read-passes-by-the-key',
    invariant: 'I21',
    sentence: 'A read of one key without a transaction looks whether its table is locked, but not whether the key is.',
    file: 'src/database/instant-read.ts',
    find: 'tree === undefined || locks.isFreeFor(tree, key, LockMode.S)',
    replace: 'true',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'single-read-passes-by-the-table',
    invariant: 'I21',
    sentence: 'A read of one key without a transaction looks whether the key is locked, but not whether its table is.',
    file: 'src/database/instant-read.ts',
    find: 'if (!locks.isFreeFor(CATALOG_TREE, name, LockMode.IS)) return false',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'single-put-passes-by-the-key',
    invariant: 'I21',
    sentence: 'A put without a transaction does not look whether the key is locked, and changes it at once.',
    file: 'src/database/instant-write.ts',
    find: 'return locks.isFreeToOverwrite(tree, key) ? tree : undefined',
    replace: 'return tree',
    first: 'single-puts.property.test.ts',
  },
  {
    name: 'single-put-into-a-range-that-was-read',
    invariant: 'I21',
    sentence: 'A put without a transaction does not look whether somebody has read the gap that its key comes into.',
    file: 'src/database/instant-write.ts',
    find: 'if (tree === undefined || locks.keepsGapsIn(tree)) return undefined',
    replace: 'if (tree === undefined) return undefined',
    first: 'single-puts.property.test.ts',
  },
  {
    name: 'catalog-remembered-over-its-change',
    invariant: 'I18',
    sentence: 'Where a table is stays remembered when a rollback has undone its making.',
    file: 'src/btree/btree-undo.ts',
    find: 'this.#context.changed(page)',
    replace: '',
    first: 'isolation.property.test.ts',
  },
]
