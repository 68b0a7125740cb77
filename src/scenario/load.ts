/**
 * Reads a scenario from JSON, or from what the text notation says in its place. Every field that the
 * schema knows is checked, and what is wrong is named by its place; other fields are left alone, so
 * that a file can carry notes. Answers must be whole unless the scenario calls itself partial: a
 * forgotten answer would otherwise pass for a right one.
 *
 * Besides types it checks what a replay relies on: LSNs rise, links lead back to records of the same
 * transaction, the master names a begin_checkpoint, a checkpoint's tables name what the log has.
 */
import type { JsonReader } from './json-reader.ts'
import {
  type About,
  type Answers,
  type Att,
  type AttEntry,
  type Dpt,
  type Episode,
  type Pages,
  REDO_REASONS,
  type Scenario,
  type ScenarioPage,
  type ScenarioRecord,
  type TransactionRecord,
  type TruncationCase,
} from './scenario.ts'

const KINDS = ['restart', 'restart-analysis', 'rollback', 'invalid', 'truncation'] as const
const STATUSES: readonly AttEntry['status'][] = ['running', 'committing', 'aborting']
const RECORD_TYPES = [
  'begin',
  'update',
  'clr',
  'commit',
  'abort',
  'end',
  'begin_checkpoint',
  'end_checkpoint',
  'free_page',
] as const

/** A scenario found in a file, not checked yet: one bad scenario does not hide the others. */
export interface FoundScenario {
  readonly id: string
  /** @throws `INVALID_ARGUMENT` naming the place */
  load(): Scenario
}

/** Of an attempt of which nothing is asked. */
const NO_ANSWERS: Answers = {
  analysis: { startLsn: undefined, att: undefined, dpt: undefined, appended: undefined, attAfter: undefined },
  redo: { startLsn: undefined, redone: undefined, skipped: undefined, dptAfterRedo: undefined },
  undo: { order: undefined, appended: undefined },
  finalPages: undefined,
}

/**
 * Reads one scenario.
 * @throws `INVALID_ARGUMENT` naming the place
 */
export function readScenario(source: JsonReader, id: string): Scenario {
  const wellFormed = source.get('wellFormed').flag(true)
  const isPartial = source.get('partial').flag(false)
  const log = source.get('log').list().map(readRecord)
  checkLog(source.get('log'), log, wellFormed)
  const masterLsn = source.get('masterLsn').lsnOrNull()
  if (masterLsn !== null && !log.some((record) => record.lsn === masterLsn && record.type === 'begin_checkpoint')) {
    source.get('masterLsn').fail('the LSN of a begin_checkpoint of the log, or null')
  }
  const lowWaterLsn = source.get('lowWaterLsn')
  const base = {
    id,
    title: source.get('title').text(),
    about: readAbout(source),
    variant: readVariant(source.get('variant')),
    initial: source.get('initial').table((page) => page.table((value) => value.text())),
    log,
    masterLsn,
    committed: asked(source.get('committed'), isPartial, readNames),
    rolledBack: asked(source.get('rolledBack'), isPartial, readNames),
    anyOrderAppended: source.get('anyOrderAppended').flag(false),
    wellFormed,
    partialRedoEpisode0: source.get('partialRedoEpisode0').flag(false),
    lowWaterLsn: lowWaterLsn.isNull ? undefined : lowWaterLsn.lsn(),
  }
  const kind = source.get('kind').oneOf(KINDS)
  switch (kind) {
    case 'rollback':
      return { ...base, kind, rollback: readRollback(source.get('rollback'), log) }
    case 'invalid':
      return { ...base, kind, invalid: readInvalid(source.get('invalid')) }
    case 'truncation':
      return { ...base, kind, truncation: { cases: source.get('truncation').get('cases').list().map(readCase) } }
    default:
      return { ...base, kind, episodes: readEpisodes(source.get('episodes'), kind === 'restart', isPartial) }
  }
}

/** An answer. In a partial scenario it may be missing; null is one. */
function asked<T>(source: JsonReader, isPartial: boolean, read: (source: JsonReader) => T): T | undefined {
  return isPartial && source.isMissing ? undefined : read(source)
}

const readNames = (source: JsonReader): string[] => source.list().map((name) => name.text())
const readLsns = (source: JsonReader): number[] => source.list().map((lsn) => lsn.lsn())

function readAbout(source: JsonReader): About {
  const one = (name: string): string | undefined => source.get(name).remarks()[0]
  return {
    family: source.get('variant').get('family').remarks()[0],
    provenance: one('provenance'),
    source: one('source'),
    covers: source.get('covers').remarks(),
    notes: source.get('notes').remarks(),
    disagreements: source.get('disagreements').remarks(),
  }
}

function readVariant(source: JsonReader): Scenario['variant'] {
  return {
    abortAtAnalysisEnd: source.get('abortAtAnalysisEnd').flag(false),
    endCommittedAtAnalysisEnd: source.get('endCommittedAtAnalysisEnd').flag(true),
    allocRecords: source.get('allocRecords').flag(false),
  }
}

function readRecord(source: JsonReader): ScenarioRecord {
  const type = source.get('type').oneOf(RECORD_TYPES)
  const lsn = source.get('lsn').lsn()
  if (type === 'begin_checkpoint') return { type, lsn }
  if (type === 'end_checkpoint') return { type, lsn, att: readAtt(source.get('att')), dpt: readDpt(source.get('dpt')) }
  const common = { lsn, txn: source.get('txn').text(), prevLsn: source.get('prevLsn').lsnOrNull() }
  if (common.prevLsn !== null && common.prevLsn >= lsn) source.get('prevLsn').fail(`below the record's own LSN ${lsn}`)
  switch (type) {
    case 'update':
      return {
        type,
        ...common,
        page: source.get('page').text(),
        slot: source.get('slot').text(),
        before: source.get('before').textOrNull(),
        after: source.get('after').textOrNull(),
      }
    case 'clr':
      return readClr(source, common)
    case 'free_page':
      return { type, ...common, page: source.get('page').text() }
    default:
      return { type, ...common }
  }
}

function readClr(
  source: JsonReader,
  common: { lsn: number; txn: string; prevLsn: number | null },
): Extract<ScenarioRecord, { type: 'clr' }> {
  const isDummy = source.get('dummy').flag(source.get('page').isNull)
  const undoes = source.get('undoes')
  const undoNextLsn = source.get('undoNextLsn').lsnOrNull()
  if (undoNextLsn !== null && undoNextLsn >= common.lsn) {
    source.get('undoNextLsn').fail(`below the record's own LSN ${common.lsn}`)
  }
  return {
    type: 'clr',
    ...common,
    page: isDummy ? null : source.get('page').text(),
    slot: isDummy ? null : source.get('slot').text(),
    after: isDummy ? null : source.get('after').textOrNull(),
    undoes: undoes.isNull ? null : undoes.lsn(),
    undoNextLsn,
  }
}

function readTransactionRecord(source: JsonReader): TransactionRecord {
  const record = readRecord(source)
  if (record.type === 'begin_checkpoint' || record.type === 'end_checkpoint') {
    source.get('type').fail('the type of a record of a transaction')
  }
  return record as TransactionRecord
}

/** What the replay relies on. A log that is not well-formed on purpose is spared the checks of its links. */
function checkLog(source: JsonReader, log: readonly ScenarioRecord[], wellFormed: boolean): void {
  const owners = new Map<number, string>()
  const firstLsn = log[0]?.lsn ?? 0
  const places = source.list()
  for (const [i, record] of log.entries()) {
    const place = places[i] as JsonReader
    const before = log[i - 1]
    if (before !== undefined && record.lsn <= before.lsn)
      place.get('lsn').fail(`above ${before.lsn}, the LSN before it`)
    if (!('txn' in record)) continue
    const links = record.type === 'clr' ? (['prevLsn', 'undoNextLsn'] as const) : (['prevLsn'] as const)
    for (const link of links) {
      const lsn = place.get(link).lsnOrNull()
      // Records below the first one have been truncated away.
      if (wellFormed && lsn !== null && lsn >= firstLsn && owners.get(lsn) !== record.txn) {
        place.get(link).fail(`null, or the LSN of an earlier record of ${record.txn}`)
      }
    }
    owners.set(record.lsn, record.txn)
  }
}

function readAtt(source: JsonReader): Att {
  return source.table((entry) => ({
    status: entry.get('status').oneOf(STATUSES),
    lastLsn: entry.get('lastLsn').lsnOrNull(),
  }))
}

function readDpt(source: JsonReader): Dpt {
  return source.table((recLsn) => recLsn.lsn())
}

function readPages(source: JsonReader): Pages {
  return source.table(
    (page): ScenarioPage => ({
      pageLsn: page.get('pageLsn').lsnOrNull(),
      data: page.get('data').table((value) => value.text()),
    }),
  )
}

function readEpisodes(source: JsonReader, isWhole: boolean, isPartial: boolean): Episode[] {
  const episodes = source.list()
  if (episodes.length === 0) source.fail('a list of at least one episode')
  return episodes.map((episode, i) => {
    const crash = episode.get('crash')
    const isLast = i === episodes.length - 1
    if (isLast && !crash.isNull) crash.fail('null: nothing follows the last episode')
    const answers = episode.get('expected')
    const expected = isPartial && answers.isMissing ? NO_ANSWERS : readExpected(answers, isWhole, isLast, isPartial)
    return {
      disk: readPages(episode.get('disk')),
      expected,
      crash: crash.isNull ? null : readCrash(crash, expected),
    }
  })
}

function readCrash(source: JsonReader, { analysis, undo }: Answers): NonNullable<Episode['crash']> {
  const durableThroughLsn = source.get('durableThroughLsn').lsn()
  const appended = [...(analysis.appended ?? []), ...(undo.appended ?? [])]
  if (appended.some((record) => record.lsn > durableThroughLsn)) {
    source.get('durableThroughLsn').fail('at or above every LSN that this attempt is expected to have appended durably')
  }
  return { durableThroughLsn, pagesFlushed: readPages(source.get('pagesFlushed')) }
}

function readExpected(source: JsonReader, isWhole: boolean, isLast: boolean, isPartial: boolean): Answers {
  const redo = source.get('redo')
  const undo = source.get('undo')
  const finalPages = source.get('finalPages')
  if (isWhole && !isPartial) {
    if (redo.isNull) redo.fail('the expected redo pass')
    if (undo.isNull) undo.fail('the expected undo pass')
    if (isLast && finalPages.isNull) finalPages.fail('the pages after recovery')
  }
  const analysis = source.get('analysis')
  return {
    analysis: isPartial && analysis.isMissing ? NO_ANSWERS.analysis : readAnalysis(analysis, isPartial),
    redo: redo.isNull ? NO_ANSWERS.redo : readRedo(redo, isPartial),
    undo: undo.isNull
      ? NO_ANSWERS.undo
      : {
          order: asked(undo.get('order'), isPartial, readLsns),
          appended: asked(undo.get('appended'), isPartial, readAppended),
        },
    finalPages: finalPages.isNull ? undefined : readPages(finalPages),
  }
}

const readAppended = (source: JsonReader): TransactionRecord[] => source.list().map(readTransactionRecord)
const lsnOrNull = (source: JsonReader): number | null => source.lsnOrNull()

function readAnalysis(source: JsonReader, isPartial: boolean): Answers['analysis'] {
  const attAfter = source.get('attAfter')
  const isAsked = !(isPartial && attAfter.isMissing)
  return {
    startLsn: asked(source.get('startLsn'), isPartial, lsnOrNull),
    att: asked(source.get('att'), isPartial, readAtt),
    dpt: asked(source.get('dpt'), isPartial, readDpt),
    appended: asked(source.get('appended'), isPartial, readAppended),
    attAfter: !isAsked ? undefined : attAfter.isNull ? null : readAtt(attAfter),
  }
}

function readRedo(source: JsonReader, isPartial: boolean): Answers['redo'] {
  const dptAfterRedo = source.get('dptAfterRedo')
  return {
    startLsn: asked(source.get('startLsn'), isPartial, lsnOrNull),
    redone: asked(source.get('redone'), isPartial, readLsns),
    skipped: asked(source.get('skipped'), isPartial, (skipped) =>
      skipped.list().map((skip) => ({ lsn: skip.get('lsn').lsn(), reason: skip.get('reason').oneOf(REDO_REASONS) })),
    ),
    dptAfterRedo: dptAfterRedo.isNull ? undefined : readDpt(dptAfterRedo),
  }
}

function readRollback(
  source: JsonReader,
  log: readonly ScenarioRecord[],
): Extract<Scenario, { kind: 'rollback' }>['rollback'] {
  const txn = source.get('txn').text()
  if (!log.some((record) => 'txn' in record && record.txn === txn)) {
    source.get('txn').fail('a transaction that has a record in the log')
  }
  return {
    txn,
    toLsn: source.get('toLsn').lsnOrNull(),
    undoOrder: readLsns(source.get('undoOrder')),
    appended: readAppended(source.get('appended')),
    buffer: readPages(source.get('buffer')),
  }
}

function readInvalid(source: JsonReader): Extract<Scenario, { kind: 'invalid' }>['invalid'] {
  return { disk: readPages(source.get('disk')), expectedError: source.get('expectedError').text() }
}

function readCase(source: JsonReader): TruncationCase {
  return {
    checkpointBegin: source.get('checkpointBegin').lsn(),
    dpt: readDpt(source.get('dpt')),
    att: source.get('att').table((entry) => ({ firstLsn: entry.get('firstLsn').lsnOrNull() })),
    lowWaterLsn: source.get('lowWaterLsn').lsn(),
  }
}
