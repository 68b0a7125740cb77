/**
 * Builds the database that a scenario describes: its log through the real log manager, its pages
 * sealed in a real data file, every LSN translated.
 *
 * LSNs that the scenario names without having their record (a page's pageLsn from before the log was
 * truncated, say) get a place too, so that the order holds: below the end of the log a record that
 * means nothing to recovery, above it an offset behind the end.
 */

import { DirtyPageTable } from '../buffer/dirty-page-table.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, asPageId, type Lsn, NO_PAGE, NO_TXN, NULL_LSN, type PageId } from '../common/ids.ts'
import { MemoryFileSystem } from '../io/memory-file-system.ts'
import type { LogManager } from '../log/log-manager.ts'
import { alignRecord, RecordType } from '../log/log-record.ts'
import { ResourceId } from '../log/resource-manager.ts'
import { PAGE_HEADER_BYTES } from '../page/page.ts'
import { encodeCheckpoint } from '../recovery/checkpoint-record.ts'
import { TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'
import { LsnMap, type Names, numberNames } from './names.ts'
import type { AttEntry, EndCheckpointRecord, Pages, Scenario, ScenarioRecord, Symbolic } from './scenario.ts'
import { encodeSlotChange, SlotOperation, slotBytes } from './slots-resource-manager.ts'
import { createLog, LOG_START_LSN, makeScenarioIdentity, type PageImage, type Store, writePages } from './store.ts'

/** A database built from a scenario, and how to speak of it in the scenario's terms. */
export interface Built {
  readonly store: Store
  readonly names: Names
  readonly lsns: LsnMap
  /** Records that only the engine needs, which the scenario does not know. */
  readonly own: ReadonlySet<Lsn>
}

const STATUS_NUMBERS: Readonly<Record<AttEntry['status'], TxnStatus>> = {
  running: TxnStatus.RUNNING,
  committing: TxnStatus.COMMITTING,
  aborting: TxnStatus.ABORTING,
}
const STATUS_TYPES = {
  begin: RecordType.BEGIN,
  commit: RecordType.COMMIT,
  abort: RecordType.ABORT,
  end: RecordType.END,
} as const
const EMPTY = new Uint8Array(0)
/** The payload of COMMIT: no pending action. */
const NO_PENDING = new Uint8Array(8)

/**
 * Builds the state at the start of one restart: `log` durable, `disk` on disk.
 * @throws `INVALID_ARGUMENT` when the slots of a page are more than a page holds
 */
export function buildDatabase(scenario: Scenario, log: readonly ScenarioRecord[], disk: Pages): Built {
  const fileSystem = new MemoryFileSystem()
  const identity = makeScenarioIdentity()
  checkRoom(scenario, log, disk, identity.pageSize)
  const names = numberNames(scenario, log, disk)
  const writer = new LogWriter(createLog(fileSystem, identity), names, log)
  const { masterEndLsn } = writer.write(scenario.masterLsn, lsnsNamedOutside(scenario, disk))
  const { lsns, own } = writer
  writePages(fileSystem, identity, pageImages(scenario, names, lsns, disk))
  const first = log[0]
  const start = scenario.masterLsn ?? first?.lsn
  const store: Store = {
    fileSystem,
    identity,
    startLsn: start === undefined ? LOG_START_LSN : lsns.engineLsn(start),
    masterEndLsn,
    lastPageId: asPageId(names.pages.all.length),
  }
  return { store, names, lsns, own }
}

/** Pages that are not on the scenario's disk have their initial content, or none. */
function pageImages(scenario: Scenario, names: Names, lsns: LsnMap, disk: Pages): Map<PageId, PageImage> {
  const images = new Map<PageId, PageImage>()
  for (const name of names.pages.all) {
    const page = disk[name] ?? { pageLsn: null, data: scenario.initial[name] ?? {} }
    const slots = new Map(Object.entries(page.data))
    images.set(names.pages.number(name), { pageLsn: lsns.engineLsn(page.pageLsn), slots })
  }
  return images
}

/** The LSNs that are named elsewhere than in the log. */
function lsnsNamedOutside(scenario: Scenario, disk: Pages): Symbolic[] {
  const pageLsns = Object.values(disk).flatMap((page) => page.pageLsn ?? [])
  const toLsn = scenario.kind === 'rollback' ? scenario.rollback.toLsn : null
  return toLsn === null ? pageLsns : [...pageLsns, toLsn]
}

/** Refuses a page whose slots, each with the longest value it is ever given, are more than a page holds. */
function checkRoom(scenario: Scenario, log: readonly ScenarioRecord[], disk: Pages, pageSize: number): void {
  const longest = new Map<string, Map<string, number>>()
  const take = (page: string, slot: string, value: string | null): void => {
    const slots = longest.get(page) ?? new Map<string, number>()
    longest.set(page, slots)
    slots.set(slot, Math.max(slots.get(slot) ?? 0, slotBytes(slot, value ?? '')))
  }
  const contents = [
    ...Object.entries(scenario.initial),
    ...Object.entries(disk).map(([name, { data }]) => [name, data] as const),
  ]
  for (const [page, data] of contents) for (const [slot, value] of Object.entries(data)) take(page, slot, value)
  for (const record of log) {
    if (record.type === 'update') take(record.page, record.slot, record.before)
    if (record.type === 'update' || record.type === 'clr') take(record.page ?? '', record.slot ?? '', record.after)
  }
  for (const [page, slots] of longest) {
    const bytes = [...slots.values()].reduce((sum, length) => sum + length, 0)
    if (bytes <= pageSize - PAGE_HEADER_BYTES) continue
    throw new AriesError(
      'INVALID_ARGUMENT',
      `${scenario.id}: the slots of page ${page} need ${bytes} bytes; a page has room for ${pageSize - PAGE_HEADER_BYTES}; shorten names and values`,
    )
  }
}

/** Writes a scenario's records through the log manager. */
class LogWriter {
  readonly lsns = new LsnMap()
  readonly own = new Set<Lsn>()
  readonly #log: LogManager
  readonly #names: Names
  readonly #records: readonly ScenarioRecord[]

  constructor(log: LogManager, names: Names, records: readonly ScenarioRecord[]) {
    this.#log = log
    this.#names = names
    this.#records = records
  }

  /** Writes everything, makes it durable and closes the log. */
  write(masterLsn: Symbolic | null, namedOutside: readonly Symbolic[]): { masterEndLsn: Lsn } {
    const known = new Set(this.#records.map((record) => record.lsn))
    const named = new Set([...namedOutside, ...this.#records.flatMap(lsnsNamedBy)])
    const foreign = [...named].filter((lsn) => !known.has(lsn))
    foreign.sort((a, b) => a - b)
    let masterEndLsn = NULL_LSN
    for (const record of this.#records) {
      while (foreign[0] !== undefined && foreign[0] < record.lsn) this.#writePlaceholder(foreign.shift() as Symbolic)
      this.#write(record)
      const isOfMaster = masterLsn !== null && record.lsn > masterLsn && record.type === 'end_checkpoint'
      if (isOfMaster && masterEndLsn === NULL_LSN) masterEndLsn = this.#log.nextLsn
    }
    for (const [i, lsn] of foreign.entries()) this.lsns.set(lsn, asLsn(alignRecord(this.#log.nextLsn) + 8 * (i + 1)))
    if (this.#log.nextLsn > this.#log.flushedLsn) this.#log.flushTo(asLsn(this.#log.nextLsn - 1))
    this.#log.close()
    return { masterEndLsn }
  }

  #writePlaceholder(lsn: Symbolic): void {
    const engineLsn = this.#append(RecordType.BEGIN_CHECKPOINT, EMPTY)
    this.lsns.set(lsn, engineLsn)
    this.own.add(engineLsn)
  }

  #write(record: ScenarioRecord): void {
    switch (record.type) {
      case 'begin_checkpoint':
        this.lsns.set(record.lsn, this.#append(RecordType.BEGIN_CHECKPOINT, EMPTY))
        return
      case 'end_checkpoint':
        this.#writeCheckpoint(record)
        return
      default:
        this.lsns.set(record.lsn, this.#writeOfTransaction(record))
    }
  }

  #writeCheckpoint(record: EndCheckpointRecord): void {
    const transactions = Object.entries(record.att).map(([name, entry]) => this.#entryOf(name, entry, record.lsn))
    const dirtyPages = Object.entries(record.dpt).map(
      ([name, recLsn]) => [this.#names.pages.number(name), this.lsns.engineLsn(recLsn)] as const,
    )
    const parts = encodeCheckpoint(this.#names.transactions.all.length + 1, transactions, DirtyPageTable.of(dirtyPages))
    for (const [i, part] of parts.entries()) {
      const lsn = this.#append(RecordType.END_CHECKPOINT, part)
      if (i === 0) this.lsns.set(record.lsn, lsn)
      else this.own.add(lsn)
    }
  }

  /** A row of the transaction table; what the scenario leaves out follows from the log before it. */
  #entryOf(name: string, { status, lastLsn }: AttEntry, checkpointLsn: Symbolic): TransactionEntry {
    const entry = new TransactionEntry(this.#names.transactions.number(name))
    entry.status = STATUS_NUMBERS[status]
    entry.lastLsn = this.lsns.engineLsn(lastLsn)
    const last = this.#records.find((record) => record.lsn === lastLsn)
    entry.undoNextLsn = last?.type === 'clr' ? this.lsns.engineLsn(last.undoNextLsn) : entry.lastLsn
    const first = this.#records.find((record) => 'txn' in record && record.txn === name && record.lsn < checkpointLsn)
    const firstLsn = first === undefined ? entry.lastLsn : this.lsns.engineLsn(first.lsn)
    entry.firstLsn = entry.lastLsn === NULL_LSN ? firstLsn : asLsn(Math.min(firstLsn, entry.lastLsn))
    return entry
  }

  #writeOfTransaction(record: Exclude<ScenarioRecord, { type: 'begin_checkpoint' | 'end_checkpoint' }>): Lsn {
    const txnId = this.#names.transactions.number(record.txn)
    const prevLsn = this.lsns.engineLsn(record.prevLsn)
    switch (record.type) {
      case 'update': {
        const { slot, before, after } = record
        const pageId = this.#names.pages.number(record.page)
        const payload = encodeSlotChange({ slot, before, after })
        return this.#append(RecordType.UPDATE, payload, { txnId, prevLsn, pageId, operation: SlotOperation.CHANGE })
      }
      case 'clr': {
        const undoNextLsn = this.lsns.engineLsn(record.undoNextLsn)
        if (record.page === null) return this.#append(RecordType.CLR, EMPTY, { txnId, prevLsn, undoNextLsn })
        const pageId = this.#names.pages.number(record.page)
        const payload = encodeSlotChange({ slot: record.slot ?? '', after: record.after, before: undefined })
        const operation = SlotOperation.RESTORE
        return this.#append(RecordType.CLR, payload, { txnId, prevLsn, undoNextLsn, pageId, operation })
      }
      case 'free_page':
        throw new Error('this engine has no record of its own for a freed page')
      default: {
        const payload = record.type === 'commit' ? NO_PENDING : EMPTY
        return this.#append(STATUS_TYPES[record.type], payload, { txnId, prevLsn })
      }
    }
  }

  #append(
    type: number,
    payload: Uint8Array,
    {
      txnId = NO_TXN,
      prevLsn = NULL_LSN,
      undoNextLsn = NULL_LSN,
      pageId = NO_PAGE,
      operation = 0,
    }: { txnId?: typeof NO_TXN; prevLsn?: Lsn; undoNextLsn?: Lsn; pageId?: PageId; operation?: number } = {},
  ): Lsn {
    this.#log.reserve(0, payload.length)
    const resource = pageId === NO_PAGE ? ResourceId.NONE : ResourceId.SLOTS
    const at = this.#log.start(type, resource, operation, 0, pageId, txnId, prevLsn, undoNextLsn, payload.length)
    this.#log.bytes.set(payload, at)
    return this.#log.finish().lsn
  }
}

/** The LSNs that a record links to. */
function lsnsNamedBy(record: ScenarioRecord): Symbolic[] {
  if (record.type === 'begin_checkpoint') return []
  if (record.type === 'end_checkpoint') {
    return [...Object.values(record.att).flatMap(({ lastLsn }) => lastLsn ?? []), ...Object.values(record.dpt)]
  }
  return [record.prevLsn ?? [], record.type === 'clr' ? (record.undoNextLsn ?? []) : []].flat()
}
