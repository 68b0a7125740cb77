/** Planted bugs of versions and of those who read them. */
import type { PlantedBug } from './planted-bug.ts'

const SNAPSHOTS = 'snapshots.property.test.ts'
const OVERWRITING = 'overwriting.property.test.ts'
const VERSIONS = 'src/txn/version-store.ts'

export const VERSION_BUGS: readonly PlantedBug[] = [
  {
    name: 'ghost-removed-under-a-snapshot',
    invariant: 'I34',
    sentence: 'A ghost that no lock needs is removed although a snapshot still shows its key.',
    file: 'src/database/assemble.ts',
    find: ' || versions.hasVersions(tree, key, start, end)',
    replace: '',
    first: SNAPSHOTS,
  },
  {
    name: 'pages-freed-under-a-snapshot',
    invariant: 'I34',
    sentence: 'What a commit gave up is freed at once, and a snapshot reads pages that serve something else by now.',
    file: VERSIONS,
    find: 'return this.#oldest === undefined || this.#oldest.csn >= csn',
    replace: 'return csn >= 0',
    first: SNAPSHOTS,
  },
  {
    name: 'snapshot-takes-uncommitted-for-old',
    invariant: 'I34',
    sentence: 'The first snapshot does not ask what open transactions have changed already, and shows it.',
    file: VERSIONS,
    find: 'for (const { tree, key, afterLsn, before } of changes) this.#add(writer, afterLsn, tree, key, before)',
    replace: `void writer
        void changes`,
    first: SNAPSHOTS,
  },
  {
    name: 'undone-is-still-a-change',
    invariant: 'I34',
    sentence:
      'What a rollback to a savepoint has undone is noted as a change on, of a tree whose page another one has by now.',
    file: 'src/txn/transaction-manager.ts',
    find: 'this.#versions.undone(transaction, entry.undoNextLsn)',
    replace: '',
    first: SNAPSHOTS,
  },
  {
    name: 'version-dropped-too-early',
    invariant: 'I34',
    sentence: 'A version whose reader was opened right after the commit before it is not kept.',
    file: VERSIONS,
    find: 'reader.csn >= since',
    replace: 'reader.csn > since',
    first: SNAPSHOTS,
  },
  {
    name: 'version-dropped-with-younger-reader',
    invariant: 'I34',
    sentence: 'When a reader is closed, the versions that lie with it go, although an older reader needs them.',
    file: VERSIONS,
    find: 'for (const version of retained) this.#retain(version, older)',
    replace: 'for (const version of retained) this.#remove(version)',
    first: SNAPSHOTS,
  },
  {
    name: 'newest-version-taken',
    invariant: 'I34',
    sentence: 'A reader takes the newest older value of a key instead of the one of its time.',
    file: VERSIONS,
    find: 'for (; version !== undefined && version.csn > csn; version = version.older) found = version',
    replace: 'if (version.csn > csn) found = version',
    first: SNAPSHOTS,
  },
  {
    name: 'own-writes-not-visible',
    invariant: 'I34',
    sentence: 'A transaction that reads a snapshot does not see what it has written itself.',
    file: VERSIONS,
    find: 'version?.writer === self || ',
    replace: '',
    first: SNAPSHOTS,
  },
  {
    name: 'second-updater-wins',
    invariant: 'I34',
    sentence: 'A transaction that reads a snapshot overwrites what others have committed since it began.',
    file: 'src/database/version-view.ts',
    find: 'if (!this.#isFixed || !this.store',
    replace: 'if (this.#isFixed || !this.store',
    first: SNAPSHOTS,
  },
  {
    name: 'rolled-back-version-stays',
    invariant: 'I34',
    sentence: 'A rollback leaves its versions behind, and they are taken for those of whoever writes next.',
    file: VERSIONS,
    find: `for (const version of versions) this.#remove(version)
    this.#stopKeepingIfUnused()`,
    replace: 'this.#stopKeepingIfUnused()',
    first: SNAPSHOTS,
  },
  {
    name: 'version-noted-after-the-change',
    invariant: 'I34',
    sentence: 'The older value of a key is read only after it was changed.',
    file: 'src/database/store.ts',
    find: `    this.#keepVersion(transaction, tree, key)
    this.#whole(transaction, () => this.btree.put(transaction.entry, tree, key, value))
`,
    replace: `    this.#whole(transaction, () => this.btree.put(transaction.entry, tree, key, value))
    this.#keepVersion(transaction, tree, key)
`,
    first: SNAPSHOTS,
  },
  {
    name: 'undone-on-copy-with-new-flags',
    invariant: 'I34',
    sentence:
      'When what is uncommitted is undone on a copy, the flags of the new value stay, and a ghost comes to life.',
    file: 'src/btree/btree-log.ts',
    find: 'return { flags: view.getUint8(at + OLD_FLAGS), bytes }',
    replace: 'return { flags: view.getUint8(at + FLAGS), bytes }',
    first: SNAPSHOTS,
  },
  {
    name: 'uncommitted-table-shown',
    invariant: 'I34',
    sentence: 'The making of a table is not kept as a change of the catalog, so snapshots show it before it commits.',
    file: 'src/database/store.ts',
    find: `    this.#keepVersion(transaction, CATALOG_TREE, this.catalog.keyOf(name))
    return this.#whole(transaction, () => this.catalog.create`,
    replace: `    return this.#whole(transaction, () => this.catalog.create`,
    first: SNAPSHOTS,
  },
  {
    name: 'read-committed-reads-uncommitted',
    invariant: 'I34',
    sentence: 'At read-committed the newest value is taken from the page, whoever wrote it.',
    file: 'src/database/version-view.ts',
    find: 'return version === undefined ? this.store.btree.get(tree, key) : this.valueOf(version)',
    replace: 'return version === undefined || !this.#isFixed ? this.store.btree.get(tree, key) : this.valueOf(version)',
    first: SNAPSHOTS,
  },
  {
    name: 'large-writer-not-asked',
    invariant: 'I34',
    sentence:
      'What a large transaction has changed is not looked up in its log, so everybody sees it before it commits.',
    file: VERSIONS,
    find: 'return found ?? this.#large.before(tree, key, hash)',
    replace: 'return found',
    first: SNAPSHOTS,
  },
  {
    name: 'large-writer-does-not-see-itself',
    invariant: 'I34',
    sentence: 'A large transaction that reads without locks is shown what was there before its own changes.',
    file: VERSIONS,
    find: ' || this.#large.hasChanged(self, tree, key, hash)',
    replace: '',
    first: SNAPSHOTS,
  },
  {
    name: 'large-writer-commits-unnoted',
    invariant: 'I34',
    sentence: 'A large transaction commits and leaves nothing for the snapshots that may not see it.',
    file: VERSIONS,
    find: 'return this.#readerCount > 0 && this.#large.isLarge(writer)',
    replace: 'return this.#readerCount < 0 && this.#large.isLarge(writer)',
    first: SNAPSHOTS,
  },
  {
    name: 'large-commit-under-way-forgotten',
    invariant: 'I34',
    sentence: 'A snapshot opened between the COMMIT of a large transaction and its end sees the change happen.',
    file: 'src/txn/transaction-manager.ts',
    find: 'while (this.#versions.mustNoteAll(transaction)) await this.#noteAll(transaction)',
    replace: '',
    first: OVERWRITING,
  },
  {
    name: 'large-writer-yields',
    invariant: 'I34',
    sentence:
      'A large transaction lets others overwrite what it has not made durable yet, and it is undone on their values.',
    file: 'src/txn/transaction-manager.ts',
    find: 'await this.#awaitCommit(transaction, durability)',
    replace:
      'this.#locks.yieldAll(transaction.owner, transaction.commitLsn); await this.#awaitCommit(transaction, durability)',
    first: OVERWRITING,
  },
  {
    name: 'large-commit-does-not-wait',
    invariant: 'I2',
    sentence: 'The commit of a large transaction asks for the flush of its COMMIT and does not wait for it.',
    file: 'src/txn/transaction-manager.ts',
    find: 'await log.waitDurable(transaction.commitLsn)',
    replace: 'void log.waitDurable(transaction.commitLsn)',
    first: OVERWRITING,
  },
  {
    name: 'large-writer-undone-twice',
    invariant: 'I34',
    sentence: 'What a large transaction has rolled back to a savepoint is taken back once more for those who read.',
    file: VERSIONS,
    find: 'this.#large.undone(writer, lsn)',
    replace: '',
    first: SNAPSHOTS,
  },
  {
    name: 'large-writer-not-taken-back-first',
    invariant: 'I34',
    sentence:
      'What a small transaction has changed is taken back from what a large one, which has overwritten it since, has left.',
    file: 'src/btree/large-writers.ts',
    find: 'return found === undefined ? this.#storedNow(tree, key) : found.before',
    replace: 'return found === null ? undefined : this.#storedNow(tree, key)',
    first: OVERWRITING,
  },
  {
    name: 'index-a-step-behind',
    invariant: 'I34',
    sentence: 'What a large transaction has written since its index was last extended is not found.',
    file: 'src/btree/large-writers.ts',
    find: 'if (index.indexedLsn < writer.entry.undoNextLsn) this.#extend(index, writer.entry)',
    replace: '',
    first: SNAPSHOTS,
  },
]
