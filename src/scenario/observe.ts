/**
 * What the managers do in a scenario, in the scenario's own terms: each attempt to restart, a rollback, a refusal, a
 * low-water mark. For those who want to see it and not only hear whether it is as expected.
 */
import type { ErrorCode } from '../common/errors.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import type { SkipReason, TracedDirtyPage, TracedTransaction } from '../common/trace.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import type { LowWaterHolder } from '../recovery/checkpoint.ts'
import { ENGINE_PASSES, type Passes } from '../recovery/passes.ts'
import { type Built, buildDatabase } from './build.ts'
import { completeEpisode, logAfter, numberAppended } from './complete.ts'
import type { LsnMap, Names, Shown } from './names.ts'
import { type Observation, recover } from './recover.ts'
import { lowWaterMarkOf, refusalOf, runRollback } from './replay.ts'
import type {
  InvalidScenario,
  Pages,
  RestartScenario,
  RollbackScenario,
  ScenarioRecord,
  TruncationCase,
  TruncationScenario,
  WholeEpisode,
} from './scenario.ts'
import { decodeSlotChange, type SlotValue } from './slots-resource-manager.ts'

export interface ObservedTransaction {
  readonly txn: string
  readonly status: string
  readonly lastLsn: Shown
  readonly undoNextLsn: Shown
}

export interface ObservedDirtyPage {
  readonly page: string
  readonly recLsn: Shown
}

/** A record that restart has written. A further crash may have taken it away again. */
export interface ObservedRecord {
  readonly lsn: Shown
  readonly type: string
  readonly txn: string
  readonly prevLsn: Shown
  readonly change: { readonly page: string; readonly slot: string; readonly after: SlotValue } | undefined
  readonly undoes: Shown | undefined
  readonly undoNextLsn: Shown | undefined
  readonly isLost: boolean
}

/** The two tables after a record of the analysis pass. */
export interface ObservedStep {
  readonly lsn: Shown
  readonly transactions: readonly ObservedTransaction[]
  readonly dirtyPages: readonly ObservedDirtyPage[]
}

/** Why a record was redone or not; the LSNs that were compared are there when it came to them. */
export interface ObservedDecision {
  readonly lsn: Shown
  readonly reason: SkipReason | undefined
  readonly recLsn: Shown | undefined
  readonly pageLsn: Shown | undefined
}

export interface ObservedPage {
  readonly page: string
  readonly pageLsn: Shown
  readonly data: Readonly<Record<string, string>>
}

/** A rollback, of all or down to a savepoint. */
export interface ObservedRollback {
  readonly log: readonly ScenarioRecord[]
  readonly txn: string
  readonly toLsn: number | null
  readonly undoOrder: readonly Shown[]
  readonly appended: readonly ObservedRecord[]
  /** In the buffer pool. */
  readonly pages: readonly ObservedPage[]
}

export interface ObservedRefusal {
  readonly log: readonly ScenarioRecord[]
  readonly disk: Pages
  /** In the engine's own terms: its message names its own LSNs and page numbers. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined
}

export interface ObservedTruncation extends Omit<TruncationCase, 'lowWaterLsn'> {
  readonly lowWaterLsn: number
  readonly holder: LowWaterHolder
}

/** One attempt. */
export interface ObservedRestart {
  /** The durable log when it begins. */
  readonly log: readonly ScenarioRecord[]
  readonly disk: Pages
  readonly startLsn: Shown
  readonly steps: readonly ObservedStep[]
  readonly transactions: readonly ObservedTransaction[]
  readonly dirtyPages: readonly ObservedDirtyPage[]
  /** At the end of analysis, once the winners have their END. */
  readonly transactionsAfter: readonly ObservedTransaction[]
  readonly redoStartLsn: Shown
  readonly redo: readonly ObservedDecision[]
  readonly dirtyPagesAfterRedo: readonly ObservedDirtyPage[]
  readonly undoOrder: readonly Shown[]
  readonly appended: readonly ObservedRecord[]
  readonly pages: readonly ObservedPage[]
  /** Transactions left in the table, and pages left pinned. */
  readonly left: Observation['left']
  /** Up to where the next crash leaves the log; undefined when the attempt ends well. */
  readonly crashLsn: Shown | undefined
}

/** Runs every attempt on the real managers. @throws what restart throws */
export function observe(scenario: RestartScenario): ObservedRestart[] {
  let { log } = scenario
  return scenario.episodes.map((given) => {
    const episode = completeEpisode(scenario, given, log)
    const observed = observeEpisode(scenario, episode, log)
    log = logAfter(episode, log)
    return observed
  })
}

/** Runs one attempt; `log` is durable when it begins. @throws what restart throws */
export function observeEpisode(
  scenario: RestartScenario,
  episode: WholeEpisode,
  log: readonly ScenarioRecord[],
  passes: Passes = ENGINE_PASSES,
): ObservedRestart {
  const built = buildDatabase(scenario, log, episode.disk)
  const seen = recover(built.store, passes)
  const { names, own } = built
  const lsns = built.lsns.copy()
  const { analysis, undo } = episode.expected
  numberAppended(lsns, [...analysis.appended, ...(undo?.appended ?? [])], log, seen)
  const crashLsn = episode.crash?.durableThroughLsn
  return {
    log,
    disk: episode.disk,
    startLsn: log.length === 0 ? null : lsns.shown(seen.startLsn),
    steps: stepsOf(built, seen),
    transactions: seen.transactions.map((row) => transactionRow(row, names, lsns)),
    dirtyPages: seen.dirtyPages.map((row) => pageRow(row, names, lsns)),
    transactionsAfter: seen.transactionsAfter.map((row) => transactionRow(row, names, lsns)),
    redoStartLsn: lsns.shown(seen.redoStartLsn),
    redo: seen.redo
      .filter(({ lsn }) => !own.has(lsn))
      .map(({ lsn, reason, recLsn, pageLsn }) => ({
        lsn: lsns.shown(lsn),
        reason,
        recLsn: recLsn && lsns.shown(recLsn),
        pageLsn: pageLsn === undefined ? undefined : lsns.shown(pageLsn),
      })),
    dirtyPagesAfterRedo: seen.dirtyPagesAfterRedo.map((row) => pageRow(row, names, lsns)),
    undoOrder: seen.undone.map(({ lsn }) => lsns.shown(lsn)),
    appended: recordRows(seen, names, lsns, crashLsn),
    pages: pagesOf(seen, names, lsns),
    left: seen.left,
    crashLsn,
  }
}

/** The rollback of one transaction in normal processing. @throws what the rollback throws */
export function observeRollback(scenario: RollbackScenario): ObservedRollback {
  const { log, rollback } = scenario
  const { built, seen } = runRollback(scenario)
  const { names } = built
  const lsns = built.lsns.copy()
  numberAppended(lsns, rollback.appended, log, seen)
  return {
    log,
    txn: rollback.txn,
    toLsn: rollback.toLsn,
    undoOrder: seen.undone.map(({ lsn }) => lsns.shown(lsn)),
    appended: recordRows(seen, names, lsns, undefined),
    pages: pagesOf(seen, names, lsns),
  }
}

/** A state that restart refuses, and why; undefined when it does not. @throws what is no refusal */
export function observeRefusal(scenario: InvalidScenario): ObservedRefusal {
  const error = refusalOf(scenario)
  return {
    log: scenario.log,
    disk: scenario.invalid.disk,
    error: error && { code: error.code, message: error.message },
  }
}

/** Up to where the log may be recycled in each case, and what holds it there. */
export function observeTruncation({ truncation }: TruncationScenario): ObservedTruncation[] {
  return truncation.cases.map((given) => {
    const { checkpointBegin, dpt, att } = given
    const { lsn, holder } = lowWaterMarkOf(given)
    return { checkpointBegin, dpt, att, lowWaterLsn: lsn, holder }
  })
}

/** A table that our checkpoint spreads over several records is one record of the scenario: the last of them counts. */
export function stepsOf({ names, lsns, own }: Built, { steps }: Pick<Observation, 'steps'>): ObservedStep[] {
  const shown: ObservedStep[] = []
  for (const { lsn, transactions, dirtyPages } of steps) {
    const before = own.has(lsn) ? shown.pop() : undefined
    // What stands before the first record of the scenario is a place for an LSN, and no record.
    if (own.has(lsn) && before === undefined) continue
    shown.push({
      lsn: before === undefined ? lsns.shown(lsn) : before.lsn,
      transactions: transactions.map((row) => transactionRow(row, names, lsns)),
      dirtyPages: dirtyPages.map((row) => pageRow(row, names, lsns)),
    })
  }
  return shown
}

function transactionRow(
  { txnId, status, lastLsn, undoNextLsn }: TracedTransaction,
  names: Names,
  lsns: LsnMap,
): ObservedTransaction {
  return {
    txn: names.transactions.name(txnId),
    status,
    lastLsn: lsns.shown(lastLsn),
    undoNextLsn: lsns.shown(undoNextLsn),
  }
}

function pageRow({ pageId, recLsn }: TracedDirtyPage, names: Names, lsns: LsnMap): ObservedDirtyPage {
  return { page: names.pages.name(pageId), recLsn: lsns.shown(recLsn) }
}

function recordRows(
  { appended, undone }: Observation,
  names: Names,
  lsns: LsnMap,
  crashLsn: number | undefined,
): ObservedRecord[] {
  const undoneBy = new Map(undone.map(({ lsn, clrLsn }) => [clrLsn, lsn]))
  return appended.map((record) => recordRow(record, undoneBy.get(record.lsn), names, lsns, crashLsn))
}

function pagesOf({ pages }: Observation, names: Names, lsns: LsnMap): ObservedPage[] {
  return [...pages].map(([pageId, { pageLsn, slots }]) => {
    return { page: names.pages.name(pageId), pageLsn: lsns.shown(pageLsn), data: Object.fromEntries(slots) }
  })
}

function recordRow(
  record: LogRecordView,
  undoes: Lsn | undefined,
  names: Names,
  lsns: LsnMap,
  crashLsn: number | undefined,
): ObservedRecord {
  const lsn = lsns.shown(record.lsn)
  const isClr = record.type === RecordType.CLR
  const change = isClr ? decodeSlotChange(record) : undefined
  return {
    lsn,
    type: RECORD_TYPE_NAMES[record.type] as string,
    txn: names.transactions.name(record.txnId),
    prevLsn: record.prevLsn === NULL_LSN ? null : lsns.shown(record.prevLsn),
    change: change && { page: names.pages.name(record.pageId), slot: change.slot, after: change.after },
    undoes: undoes === undefined ? undefined : lsns.shown(undoes),
    undoNextLsn: isClr ? lsns.shown(record.undoNextLsn) : undefined,
    isLost: crashLsn !== undefined && typeof lsn === 'number' && lsn > crashLsn,
  }
}
