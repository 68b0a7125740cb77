/**
 * What restart does in each attempt of a scenario, in the scenario's own terms: for those who want to see it
 * and not only hear whether it is as expected.
 */
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import type { SkipReason, TracedDirtyPage, TracedTransaction } from '../common/trace.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import { buildDatabase } from './build.ts'
import type { LsnMap, Names, Shown } from './names.ts'
import { type Observation, recover } from './recover.ts'
import type { Episode, RestartScenario, ScenarioRecord } from './scenario.ts'
import { decodeSlotChange, type SlotValue } from './slots-resource-manager.ts'

export interface ObservedTransaction {
  readonly txn: string
  readonly status: string
  readonly lastLsn: Shown
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

/** One attempt. */
export interface ObservedRestart {
  /** The durable log when it begins. */
  readonly log: readonly ScenarioRecord[]
  readonly startLsn: Shown
  readonly transactions: readonly ObservedTransaction[]
  readonly dirtyPages: readonly ObservedDirtyPage[]
  readonly redoStartLsn: Shown
  readonly redo: readonly { readonly lsn: Shown; readonly reason: SkipReason | undefined }[]
  readonly undoOrder: readonly Shown[]
  readonly appended: readonly ObservedRecord[]
  readonly pages: readonly {
    readonly page: string
    readonly pageLsn: Shown
    readonly data: Readonly<Record<string, string>>
  }[]
  /** Up to where the next crash leaves the log; undefined when the attempt ends well. */
  readonly crashLsn: Shown | undefined
}

/** The durable log when the attempt after `index` begins. */
export function logAfter(
  scenario: RestartScenario,
  index: number,
  log: readonly ScenarioRecord[],
): readonly ScenarioRecord[] {
  const expected = scenario.episodes[index]?.expected
  // Of an interrupted attempt only what became durable is listed.
  return [...log, ...(expected?.analysis.appended ?? []), ...(expected?.undo?.appended ?? [])]
}

/** Runs every attempt on the real managers. @throws what restart throws */
export function observe(scenario: RestartScenario): ObservedRestart[] {
  let { log } = scenario
  return scenario.episodes.map((episode, index) => {
    const observed = observeEpisode(scenario, episode, log)
    log = logAfter(scenario, index, log)
    return observed
  })
}

function observeEpisode(scenario: RestartScenario, episode: Episode, log: readonly ScenarioRecord[]): ObservedRestart {
  const built = buildDatabase(scenario, log, episode.disk)
  const seen = recover(built.store)
  const { names, own } = built
  const lsns = built.lsns.copy()
  numberAppended(lsns, episode, log, seen)
  const crashLsn = episode.crash?.durableThroughLsn
  const undone = new Map(seen.undone.map(({ lsn, clrLsn }) => [clrLsn, lsn]))
  return {
    log,
    startLsn: log.length === 0 ? null : lsns.shown(seen.startLsn),
    transactions: seen.transactions.map((row) => transactionRow(row, names, lsns)),
    dirtyPages: seen.dirtyPages.map((row) => pageRow(row, names, lsns)),
    redoStartLsn: lsns.shown(seen.redoStartLsn),
    redo: seen.redo.filter(({ lsn }) => !own.has(lsn)).map(({ lsn, reason }) => ({ lsn: lsns.shown(lsn), reason })),
    undoOrder: seen.undone.map(({ lsn }) => lsns.shown(lsn)),
    appended: seen.appended.map((record) => recordRow(record, undone.get(record.lsn), names, lsns, crashLsn)),
    pages: [...seen.pages].map(([pageId, { pageLsn, slots }]) => {
      return { page: names.pages.name(pageId), pageLsn: lsns.shown(pageLsn), data: Object.fromEntries(slots) }
    }),
    crashLsn,
  }
}

/** Records that restart writes have the LSNs of the scenario's where it lists them; others go on in its steps. */
function numberAppended(lsns: LsnMap, { expected }: Episode, log: readonly ScenarioRecord[], seen: Observation): void {
  const listed = [...expected.analysis.appended, ...(expected.undo?.appended ?? [])]
  const step = stepOf(log.map(({ lsn }) => lsn))
  let last = log.at(-1)?.lsn ?? 0
  for (const [i, record] of seen.appended.entries()) {
    const wanted = listed[i]
    last = wanted !== undefined && wanted.lsn > last ? wanted.lsn : last + step
    lsns.set(last, record.lsn)
  }
}

/** By how much the LSNs of a log usually rise. */
function stepOf(lsns: readonly number[]): number {
  const steps = lsns.slice(1).map((lsn, i) => lsn - (lsns[i] as number))
  return steps.length === 0 ? 10 : Math.max(1, Math.min(...steps))
}

function transactionRow(
  { txnId, status, lastLsn }: TracedTransaction,
  names: Names,
  lsns: LsnMap,
): ObservedTransaction {
  return { txn: names.transactions.name(txnId), status, lastLsn: lsns.shown(lastLsn) }
}

function pageRow({ pageId, recLsn }: TracedDirtyPage, names: Names, lsns: LsnMap): ObservedDirtyPage {
  return { page: names.pages.name(pageId), recLsn: lsns.shown(recLsn) }
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
