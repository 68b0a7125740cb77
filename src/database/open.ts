/**
 * Opening: locks the directory, then makes a database or restarts the one that is there.
 *
 * Nothing is written before it is known that the files are ours, whole, and that the log ends where it
 * seems to end. Then:
 *
 *   1. what was found is made durable: a process that was killed may have left it in the system's cache.
 *      After an unclean shutdown a sync is not enough: if an earlier one failed, the system may show what it
 *      will not write any more (F9), so what nothing proves to be on the disk is first written again
 *   2. what lies behind the end of the log is wiped, so that a half-persisted batch cannot come back to
 *      life behind new records (I31). After a clean shutdown nothing does, but the log and the double-write
 *      file get back the room that they gave up then: a full disk shows here, and not at a commit (I38)
 *
 * and, only when the last shutdown was not clean:
 *
 *   3. torn pages come back from the double-write file (`torn-pages.ts`)
 *   4. restart: redo, undo
 *   5. a checkpoint
 *
 * Whether clean or not, transactions that were prepared are in doubt now as they were then (`in-doubt.ts`):
 * clean means that nobody else is left.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn, type PageId } from '../common/ids.ts'
import { DatabaseTracer, type Tracer } from '../common/tracer.ts'
import { cleaningUp, closeAll, type FileSystem } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { traceChannel } from '../io/trace-channel.ts'
import type { Identity } from '../log/identity.ts'
import { LogReader, SINGLE_RECORD_BYTES } from '../log/log-reader.ts'
import type { LogRecordView } from '../log/log-record.ts'
import type { MasterRecord } from '../log/master-record.ts'
import { SEGMENT_HEADER_BYTES } from '../log/segment.ts'
import { Segments } from '../log/segments.ts'
import { type Analysis, checkLogEnd } from '../recovery/analysis.ts'
import { Checkpointer, lowWaterMark } from '../recovery/checkpoint.ts'
import { DeferredRedo } from '../recovery/deferred-redo.ts'
import { PageRecords } from '../recovery/page-records.ts'
import { type Passes, passesOf } from '../recovery/passes.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import { restart } from '../recovery/restart.ts'
import { TxnStatus } from '../recovery/transaction-table.ts'
import { type PendingQueue, readPending } from '../txn/pending-actions.ts'
import { assemble, type Managers } from './assemble.ts'
import { CREATING_FILE_NAME, createFiles, finishCreation, makeDurable, stateOf, writeEndsAgain } from './files.ts'
import { areAllPrepared, resumeInDoubt } from './in-doubt.ts'
import { type Location, locate } from './locate.ts'
import { type OpenOptions, PAGE_SIZE_DEFAULT, SEGMENT_BYTES_DEFAULT, type Settings } from './options.ts'
import { giveUpDoubleWrite, restoreTornPages } from './torn-pages.ts'

/** A database as it stands after opening. */
export interface Opened {
  readonly managers: Managers
  readonly identity: Identity
  readonly checkpointer: Checkpointer
  readonly report: RecoveryReport
}

interface Given {
  readonly fileSystem: FileSystem
  readonly settings: Settings
  readonly options: OpenOptions
  readonly runtime: Runtime
}

interface Context extends Given {
  readonly tracer: Tracer
  readonly passes: Passes
}

/** @throws see `open` in `database.ts` */
export async function openFiles(given: Given): Promise<Opened> {
  const tracer = new DatabaseTracer(given.fileSystem.location, given.options.trace, traceChannel)
  const context: Context = { ...given, tracer, passes: passesOf(given.options) }
  const opened = await (isDatabaseThere(context) ? restartDatabase(context) : createDatabase(context))
  listen(opened, tracer)
  return opened
}

/** @throws `DB_NOT_FOUND`, `DB_READ_ONLY` when there is none and none may be made */
function isDatabaseThere({ fileSystem, settings }: Context): boolean {
  if (stateOf(fileSystem) === 'there') return true
  if (!settings.createIfMissing) {
    throw new AriesError(
      'DB_NOT_FOUND',
      `${fileSystem.location} holds no database; pass createIfMissing: true to make one`,
      { file: fileSystem.location },
    )
  }
  if (!fileSystem.writable) throw readOnly(fileSystem, 'a database cannot be made there')
  return false
}

/** Restart has told its own steps; from here on the managers tell theirs. */
function listen({ managers, checkpointer }: Opened, tracer: Tracer): void {
  const { log, buffer, locks, btree, rollback } = managers
  for (const teller of [log, buffer, locks, btree.context, rollback, checkpointer]) teller.tracer = tracer
}

function readOnly(fileSystem: FileSystem, why: string): AriesError {
  return new AriesError('DB_READ_ONLY', `${fileSystem.location} is read-only: ${why}`, { file: fileSystem.location })
}

async function createDatabase(context: Context): Promise<Opened> {
  const { fileSystem, settings, runtime } = context
  const startedMs = runtime.nowMs()
  const pageSize = settings.pageSize ?? PAGE_SIZE_DEFAULT
  const segmentBytes = settings.segmentBytes ?? SEGMENT_BYTES_DEFAULT
  const identity = createFiles(fileSystem, runtime, pageSize, segmentBytes)
  const segments = new Segments(fileSystem, identity)
  segments.append()
  const endLsn = asLsn(SEGMENT_HEADER_BYTES)
  const managers = assemble({
    ...context,
    identity,
    segments,
    endLsn,
    nextTxnId: 1,
    masterSequence: 0,
    foundMaster: undefined,
    durablePageCount: 0,
    isRestarting: () => false,
  })
  return closingOnError(managers, async () => {
    managers.systemTransactions.run((entry) => {
      managers.space.create(entry)
      assert(managers.btree.create(entry) === CATALOG_TREE, 'the catalog is the first tree')
    })
    await managers.buffer.writeAll()
    const checkpointer = makeCheckpointer(managers, endLsn, endLsn, endLsn)
    await checkpointer.take()
    finishCreation(fileSystem)
    const nothing = emptyAnalysis(endLsn)
    return {
      managers,
      identity,
      checkpointer,
      report: reportOf(context, managers, { startedMs, analysis: nothing, notices: [], restoredPages: [] }),
    }
  })
}

function makeCheckpointer(managers: Managers, checkpointLsn: Lsn, endLsn: Lsn, lowWaterLsn: Lsn): Checkpointer {
  const { log, buffer, table, master, transactions } = managers
  return new Checkpointer(log, buffer, table, master, () => transactions.nextTxnId, {
    checkpointLsn,
    endLsn,
    lowWater: { lsn: lowWaterLsn, holder: 'checkpoint' },
  })
}

async function closingOnError<T>(managers: Managers, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    managers.failStop.fail(error)
    throw cleaningUp(causeOf(error), () => closeFiles(managers))
  }
}

/** Nothing is open yet that could be reopened: what stopped the engine says more than that it stopped. */
function causeOf(error: unknown): unknown {
  return AriesError.is(error) && error.code === 'DB_FAILED' && AriesError.is(error.cause) ? error.cause : error
}

/** Closes every file. @throws `DB_FAILED`, `IO_ERROR`; they are closed all the same */
export function closeFiles(managers: Managers): void {
  closeAll([() => managers.log.close(), () => managers.buffer.close(), () => managers.master.close()])
}

async function restartDatabase(context: Context): Promise<Opened> {
  const { fileSystem, runtime } = context
  const startedMs = runtime.nowMs()
  const location = locate(fileSystem)
  try {
    return await restartLocated(context, location, startedMs)
  } catch (error) {
    throw cleaningUp(error, () => location.segments.close())
  }
}

async function restartLocated(context: Context, location: Location, startedMs: number): Promise<Opened> {
  const { fileSystem, settings, runtime } = context
  const { identity, master, reader, segments } = location
  checkFixedOptions(settings, identity)
  const records = settings.deferRedo ? new PageRecords() : undefined
  const tell = analysisProgress(context, master)
  const onRecord = (record: LogRecordView): void => {
    records?.add(record)
    tell?.(record.lsn)
  }
  const analysis = context.passes.analyse(reader, master.checkpointLsn, onRecord, context.tracer.listener)
  checkLogEnd(reader, analysis.endLsn, location.provenEndLsn, identity.segmentBytes)
  const isClean = master.isClean && analysis.endLsn === master.endLsn && location.notices.length === 0
  if (!isClean && !fileSystem.writable)
    throw readOnly(fileSystem, 'the database was not closed cleanly, and recovery must write')
  const analysisMs = runtime.nowMs() - startedMs

  if (fileSystem.writable) {
    if (!isClean) {
      writeEndsAgain(fileSystem, identity.pageSize)
      segments.writeAgain(Math.max(master.endLsn, analysis.provenLsn), analysis.endLsn)
    }
    makeDurable(fileSystem)
    if (fileSystem.list().includes(CREATING_FILE_NAME)) finishCreation(fileSystem)
    segments.wipeFrom(analysis.endLsn)
  }
  const restoredOnce = settings.doubleWrite ? [] : giveUpDoubleWrite(fileSystem, identity, analysis, isClean)
  let isRestarting = true
  const managers = assemble({
    ...context,
    identity,
    segments,
    endLsn: analysis.endLsn,
    nextTxnId: analysis.nextTxnId,
    masterSequence: master.sequence,
    foundMaster: location.notices.length === 0 ? master : undefined,
    durablePageCount: master.pageCount,
    isRestarting: () => isRestarting,
  })
  return closingOnError(managers, async () => {
    const { dataFile, doubleWrite } = managers
    const restoredPages = isClean ? [] : [...restoredOnce, ...restoreTornPages(dataFile, doubleWrite, analysis)]
    reader.reset()
    const passes = isClean ? undefined : runRestart(context, location, managers, analysis, records)
    if (isClean) keepPrepared(managers, analysis)
    resumeInDoubt(managers, fileSystem.writable, context.tracer.listener)
    isRestarting = false
    const checkpointer = await finishRestart(managers, location, analysis)
    const { notices } = location
    const found = { startedMs, analysis, analysisMs, notices, restoredPages, passes }
    return { managers, identity, checkpointer, report: reportOf(context, managers, found) }
  })
}

function checkFixedOptions(settings: Settings, identity: Identity): void {
  for (const name of ['pageSize', 'segmentBytes'] as const) {
    const asked = settings[name]
    if (asked !== undefined && asked !== identity[name]) {
      throw new AriesError(
        'FORMAT_UNSUPPORTED',
        `the database was made with ${name} ${identity[name]}, which is fixed; open it with that or without the option`,
        { asked, actual: identity[name] },
      )
    }
  }
}

function analysisProgress(context: Context, master: MasterRecord): ((lsn: Lsn) => void) | undefined {
  const { onProgress } = context.options
  if (onProgress === undefined) return undefined
  let records = 0
  return (lsn) => {
    const done = lsn - master.checkpointLsn
    if (records++ % 4096 === 0) onProgress({ phase: 'analysis', done, total: done })
  }
}

function runRestart(
  context: Context,
  location: Location,
  managers: Managers,
  analysis: Analysis,
  records: PageRecords | undefined,
): ReturnType<typeof restart> {
  const { log, buffer, resources, table, rollback, failStop } = managers
  const { segments, identity } = location
  const reader = new LogReader(segments, identity, SINGLE_RECORD_BYTES)
  return restart(
    {
      reader: location.reader,
      log,
      buffer,
      managers: resources,
      table,
      rollback,
      runtime: context.runtime,
      trace: context.tracer.listener,
      deferred: records && new DeferredRedo(records, buffer, reader, failStop),
      onProgress: context.options.onProgress,
    },
    analysis,
    context.passes,
  )
}

/** A clean shutdown leaves no transaction but prepared ones. */
function keepPrepared({ table }: Managers, { transactions }: Analysis): void {
  assert(areAllPrepared(transactions.values()), 'a clean shutdown has ended all transactions that were not prepared')
  for (const entry of transactions.values()) table.add(entry)
}

/** Carries out what committed transactions had left to do, and takes a checkpoint if anything was logged since the last. */
async function finishRestart(managers: Managers, location: Location, analysis: Analysis): Promise<Checkpointer> {
  const { log, pending, table } = managers
  for (const entry of table) {
    if (entry.status === TxnStatus.COMMITTING) pending.add(entry, readPending(log, entry), 0)
  }
  finishPending(pending)
  const { checkpointLsn } = location.master
  // As long as the master names the old checkpoint, the next restart begins with its tables, not with these.
  const firstLsns = [...analysis.transactions.values()].map(({ firstLsn }) => firstLsn)
  const lowWater = lowWaterMark(checkpointLsn, analysis.dirtyPages.values(), firstLsns)
  const checkpointer = makeCheckpointer(managers, checkpointLsn, analysis.checkpointEndLsn, lowWater.lsn)
  if (checkpointer.logBytesSince > 0 || location.notices.length > 0) await checkpointer.take()
  // For what is in doubt another open holds back the same room behind that checkpoint; it shall find it made.
  if (log.reservedBytes > 0) log.reserve(0, 0)
  return checkpointer
}

/** What cannot go on now, because of a damaged page or a full disk, is left to the background. */
function finishPending(pending: PendingQueue): void {
  try {
    while (pending.size > 0) pending.step()
  } catch (error) {
    if (!AriesError.is(error)) throw error
  }
}

function emptyAnalysis(endLsn: Lsn): Analysis {
  return {
    startLsn: endLsn,
    endLsn,
    checkpointEndLsn: endLsn,
    provenLsn: endLsn,
    records: 0,
    transactions: new Map(),
    dirtyPages: new Map(),
    nextTxnId: 1,
  }
}

const NO_REDO: RecoveryReport['redo'] = {
  startLsn: asLsn(0),
  records: 0,
  bytes: 0,
  redone: 0,
  deferredPages: 0,
  skipped: { 'not-redoable': 0, 'not-in-dpt': 0, 'lsn<recLsn': 0, 'pageLsn>=lsn': 0, 'page-damaged': 0 },
  ms: 0,
}
const NO_UNDO: RecoveryReport['undo'] = { losersUndone: 0, clrs: 0, bytes: 0, ms: 0 }

/** What an open has found and done. */
interface Found {
  readonly startedMs: number
  readonly analysis: Analysis
  readonly analysisMs?: number
  readonly notices: readonly string[]
  /** Torn pages that came back from the double-write file. */
  readonly restoredPages: readonly PageId[]
  /** Undefined when neither redo nor undo was needed. */
  readonly passes?: ReturnType<typeof restart> | undefined
}

function reportOf(context: Context, managers: Managers, found: Found): RecoveryReport {
  const { analysis, analysisMs = 0, notices, restoredPages, passes } = found
  const entries = [...analysis.transactions.values()]
  const winners = entries.filter(({ status }) => status === TxnStatus.COMMITTING).length
  const inDoubt = entries.filter(({ status }) => status === TxnStatus.PREPARED).length
  return {
    wasNeeded: passes !== undefined,
    notices,
    restoredPages,
    damagedPages: managers.buffer.quarantined,
    analysis: {
      startLsn: analysis.startLsn,
      endLsn: analysis.endLsn,
      records: analysis.records,
      bytes: analysis.endLsn - analysis.startLsn,
      losers: entries.length - winners - inDoubt,
      winnersWithoutEnd: winners,
      inDoubt,
      dirtyPages: analysis.dirtyPages.size,
      ms: analysisMs,
    },
    redo: passes?.redo ?? NO_REDO,
    undo: passes?.undo ?? NO_UNDO,
    totalMs: context.runtime.nowMs() - found.startedMs,
  }
}
