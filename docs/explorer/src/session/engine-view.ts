/**
 * The state of the engine as a reader sees it, read from its own managers: the log and its buffer, the
 * transaction table, the frames of the pool, the locks; and from its files. Nothing here changes anything, and
 * nothing is worked out that the engine knows itself.
 *
 * Until analysis is over there are no managers: then the two tables are those that its events tell of.
 */
import type { BTree } from '../../../../src/btree/btree.ts'
import { CATALOG_TREE } from '../../../../src/btree/catalog.ts'
import type { BufferManager } from '../../../../src/buffer/buffer-manager.ts'
import type { TraceEvent } from '../../../../src/common/trace.ts'
import type { SimulatedFileSystem } from '../../../../src/io/simulated-file-system.ts'
import type { LockManager } from '../../../../src/lock/lock-manager.ts'
import type { LockReport } from '../../../../src/lock/lock-report.ts'
import type { LogManager } from '../../../../src/log/log-manager.ts'
import { pageLsnOf } from '../../../../src/page/page.ts'
import type { TransactionTable } from '../../../../src/recovery/transaction-table.ts'
import { DiskView, identityOn } from './disk-view.ts'
import { LogBook } from './log-book.ts'
import { pageName, type SeenPage, seePage, unquoted } from './page-view.ts'
import { TwoTables } from './two-tables.ts'
import type {
  DirtyPageRow,
  EngineState,
  LockRow,
  OpenTransaction,
  PageRow,
  PageView,
  TransactionRow,
  TreeNode,
  TreeView,
} from './types.ts'
import type { DiskOperation } from './watched-disk.ts'
import type { Spoken } from './words.ts'

/** What there is to look at once analysis is over. */
export interface LookedAt {
  readonly log: LogManager
  readonly buffer: BufferManager
  readonly table: TransactionTable
  /** Once the database is open. */
  readonly locks?: LockManager
  readonly btree?: BTree
}

const SYSTEM = 'system'

export class EngineView {
  readonly #transactionNames = new Map<number, string>()
  readonly #tableNames = new Map<number, string>([[CATALOG_TREE, 'the catalog']])
  readonly #names: Spoken = {
    transaction: (txnId) => this.#transactionNames.get(txnId) ?? `${SYSTEM} ${txnId}`,
    page: pageName,
    table: (root) => this.#tableNames.get(root) ?? `the tree at ${pageName(root)}`,
    lsn: String,
  }
  readonly #log: LogBook
  #disk: DiskView
  #engine: LookedAt | undefined
  #tables = new TwoTables('crashed')
  #poolCache = new Map<number, SeenPage>()
  /** What the listener of the session knows. */
  openTransactions: () => readonly OpenTransaction[] = () => []

  /** Looks at a disk on which a database lies that is not open. Of its log, what is older than the last checkpoint is left out. */
  constructor(disk: SimulatedFileSystem) {
    this.#disk = new DiskView(disk, identityOn(disk))
    this.#log = new LogBook(this.#names, this.#disk.masterLsn ?? 0)
    this.crashed(disk)
  }

  /** Users call this transaction so. */
  nameTransaction(txnId: number, name: string): void {
    this.#transactionNames.set(txnId, name)
  }

  get disk(): DiskView {
    return this.#disk
  }

  get names(): Spoken {
    return this.#names
  }

  /** The engine is gone; this is what is left. */
  crashed(disk: SimulatedFileSystem): void {
    this.#disk = new DiskView(disk, this.#disk.identity)
    this.#engine = undefined
    this.#tables = new TwoTables('crashed')
    this.#poolCache.clear()
    this.#log.readDisk(disk, this.#disk.identity)
  }

  /** Restart has made its managers. */
  assembled(engine: LookedAt): void {
    this.#engine = engine
  }

  /** The database is open. */
  opened(engine: LookedAt): void {
    this.#engine = engine
    this.#tables = new TwoTables('running')
  }

  take(event: TraceEvent): void {
    this.#tables.take(event)
    if (event.kind === 'undone') {
      this.readLog()
      this.#log.compensated(event.clrLsn, event.lsn)
    }
  }

  takeOperation(operation: DiskOperation): void {
    this.#disk.take(operation)
  }

  /** Takes the records below `end`, or all. */
  readLog(end?: number): void {
    const log = this.#engine?.log
    if (log !== undefined) this.#log.extend(log, this.#disk.identity.segmentBytes, end ?? log.nextLsn)
  }

  get phase(): EngineState['phase'] {
    return this.#tables.phase
  }

  /** Everything as it is now, but records of the log only as far as they have been read. */
  state(): EngineState {
    const pool = this.#seePool()
    const locks = this.phase === 'running' ? (this.#engine?.locks?.snapshot() ?? []) : []
    this.#learnTables(pool)
    const flushedLsn = this.#engine?.log.flushedLsn ?? this.#log.end
    return {
      phase: this.phase,
      log: this.#log.rows(flushedLsn),
      flushedLsn,
      masterLsn: this.#disk.masterLsn,
      transactions: this.#transactions(),
      dirtyPages: this.#dirtyPages(),
      pool: this.#poolViews(pool, locks),
      disk: this.#diskViews(),
      trees: this.#trees(pool),
      locks: locks.flatMap((lock) => this.#lockRows(lock)),
      open: this.phase === 'running' ? this.openTransactions() : [],
    }
  }

  #seePool(): Map<number, SeenPage> {
    const seen = new Map<number, SeenPage>()
    const buffer = this.#engine?.buffer
    if (buffer === undefined) return seen
    for (const [pageId, page] of buffer.residentPages()) seen.set(pageId, this.#seeInPool(buffer, pageId, page))
    this.#poolCache = seen
    return new Map([...seen].sort(([a], [b]) => a - b))
  }

  /** A page whose pageLSN has not changed has not changed; one that has none yet may be about to. */
  #seeInPool(buffer: BufferManager, pageId: number, page: number): SeenPage {
    const before = this.#poolCache.get(pageId)
    const pageLsn = pageLsnOf(buffer.view, page)
    return before !== undefined && before.pageLsn === pageLsn && pageLsn !== 0 ? before : seePage(buffer, page)
  }

  /** The catalog, wherever its pages are, tells how the trees are called. */
  #learnTables(pool: ReadonlyMap<number, SeenPage>): void {
    for (const page of [...this.#disk.pages.values(), ...pool.values()]) {
      if (page.tree !== CATALOG_TREE || page.level > 0) continue
      for (const { key, value } of page.rows) this.#tableNames.set(Number(value.slice(1)), key)
    }
  }

  #transactions(): TransactionRow[] {
    return this.#tables.transactions(this.#engine).map(({ txnId, status, lastLsn, undoNextLsn }) => ({
      txnId,
      name: this.#names.transaction(txnId),
      status,
      lastLsn: lastLsn === 0 ? undefined : lastLsn,
      undoNextLsn: undoNextLsn === 0 ? undefined : undoNextLsn,
    }))
  }

  #dirtyPages(): DirtyPageRow[] {
    const rows = this.#tables.dirtyPages(this.#engine).sort((a, b) => a.pageId - b.pageId)
    return rows.map(({ pageId, recLsn }) => ({ pageId, page: pageName(pageId), recLsn }))
  }

  #poolViews(pool: ReadonlyMap<number, SeenPage>, locks: readonly LockReport[]): PageView[] {
    const dirty = new Set<number>(Array.from(this.#engine?.buffer.dirtyPages() ?? [], ([pageId]) => pageId))
    const writers = this.#writersOf(locks)
    return [...pool.values()].map((page) => ({
      ...this.#viewOf(page),
      rows: this.#withWriters(page, writers),
      isDirty: dirty.has(page.pageId),
    }))
  }

  #diskViews(): PageView[] {
    const unsynced = this.#disk.unsyncedPages()
    const pages = [...this.#disk.pages.values()].sort((a, b) => a.pageId - b.pageId)
    return pages.map((page) => ({ ...this.#viewOf(page), isUnsynced: unsynced.has(page.pageId) }))
  }

  #viewOf({ pageId, pageLsn, kind, tree, rows, isDamaged }: SeenPage): PageView {
    const label = tree === undefined ? kind : `${kind} of ${this.#names.table(tree)}`
    const lsn = pageLsn === 0 ? undefined : pageLsn
    return { pageId, page: pageName(pageId), label, pageLsn: lsn, rows, isDamaged }
  }

  /** Who has changed which key last and not ended: the last to get an exclusive lock on it, if one of them overwrites. */
  #writersOf(locks: readonly LockReport[]): Map<string, string> {
    const writers = new Map<string, string>()
    for (const { kind, space, keyText, holders } of locks) {
      const holder = holders.findLast(({ mode }) => mode.startsWith('X'))
      if (kind === 'key' && holder !== undefined)
        writers.set(`${space} ${keyText}`, this.#names.transaction(holder.txnId))
    }
    return writers
  }

  #withWriters(page: SeenPage, writers: ReadonlyMap<string, string>): readonly PageRow[] {
    if (writers.size === 0 || page.level > 0 || page.tree === undefined) return page.rows
    return page.rows.map((row) => {
      const writer = writers.get(`${page.tree} '${row.key}'`)
      if (writer === undefined) return row
      return { ...row, note: row.note === undefined ? writer : `${row.note} by ${writer}` }
    })
  }

  #trees(pool: ReadonlyMap<number, SeenPage>): TreeView[] {
    const pageOf = (pageId: number): SeenPage | undefined => pool.get(pageId) ?? this.#disk.pages.get(pageId)
    const roots = [...this.#tableNames].filter(([root]) => root !== CATALOG_TREE && pageOf(root)?.tree === root)
    return roots.map(([root, table]) => ({ table, root: treeNode(root, pageOf, root) }))
  }

  #lockRows({ kind, table, keyText, holders, waiters }: LockReport): LockRow[] {
    const place = kind === 'table' ? `table ${table}` : `${kind === 'end' ? 'the end' : unquoted(keyText)} of ${table}`
    return [...holders, ...waiters].map((owner) => ({
      txnId: owner.txnId,
      txn: this.#names.transaction(owner.txnId),
      mode: owner.mode,
      key: place,
      isWaiting: 'waitsFor' in owner,
    }))
  }
}

/** While restart has not yet repeated history a child may be missing, or be a page of another time. */
function treeNode(pageId: number, pageOf: (pageId: number) => SeenPage | undefined, tree: number): TreeNode {
  const page = pageOf(pageId)
  const node = { pageId, page: pageName(pageId) }
  if (page?.tree !== tree) return { ...node, level: 0, keys: [], children: [] }
  const { level, rows, children } = page
  const below = children.filter((child) => (pageOf(child)?.level ?? 0) < level)
  return {
    ...node,
    level,
    keys: rows.filter((row) => row.key !== '').map(({ key }) => key),
    children: below.map((child) => treeNode(child, pageOf, tree)),
  }
}
