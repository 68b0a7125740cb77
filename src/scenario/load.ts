/**
 * Reads scenario files: a set `{ schema, scenarios: [...] }`, or one scenario. Every field that the
 * schema knows is checked, and what is wrong is named by file, scenario and place; other fields are
 * left alone, so that a file can carry notes.
 *
 * Besides types it checks what a replay relies on: LSNs rise, links lead back to records of the same
 * transaction, the master names a begin_checkpoint, a checkpoint's tables name what the log has.
 */
import { AriesError } from '../common/errors.ts'
import { JsonReader } from './json-reader.ts'
import {
  type Att,
  type AttEntry,
  type Dpt,
  type Episode,
  type Expected,
  type Pages,
  SCENARIO_SCHEMA,
  type Scenario,
  type ScenarioPage,
  type ScenarioRecord,
  type TransactionRecord,
  type TruncationCase,
} from './scenario.ts'

const KINDS = ['restart', 'restart-analysis', 'rollback', 'invalid', 'truncation'] as const
const STATUSES: readonly AttEntry['status'][] = ['running', 'committing', 'aborting']
const REASONS = ['not-redoable', 'not-in-dpt', 'lsn<recLsn', 'pageLsn>=lsn', 'page-damaged'] as const
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

/**
 * Finds the scenarios in the text of a file. `file` is used in messages.
 * @throws `INVALID_ARGUMENT` when it is not JSON, or not of this schema
 */
export function findScenarios(text: string, file: string): FoundScenario[] {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new AriesError('INVALID_ARGUMENT', `${file} is not JSON: ${(error as Error).message}`, { file }, error)
  }
  const root = new JsonReader(content, file)
  if (!root.isObject) root.fail(`a set { "schema": "${SCENARIO_SCHEMA}", "scenarios": [...] }, or one scenario`)
  const isSet = root.has('scenarios')
  if (isSet || root.has('schema')) root.get('schema').oneOf([SCENARIO_SCHEMA])
  if (!isSet && !root.has('id')) root.fail('a scenario with an "id", or a set with "scenarios"')
  return (isSet ? root.get('scenarios').list() : [root]).map((found) => {
    const id = found.get('id').text()
    return { id, load: () => readScenario(found.named(`${file}: ${id}`), id) }
  })
}

function readScenario(source: JsonReader, id: string): Scenario {
  const wellFormed = source.get('wellFormed').flag(true)
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
    variant: readVariant(source.get('variant')),
    initial: source.get('initial').table((page) => page.table((value) => value.text())),
    log,
    masterLsn,
    committed: source
      .get('committed')
      .list()
      .map((name) => name.text()),
    rolledBack: source
      .get('rolledBack')
      .list()
      .map((name) => name.text()),
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
      return { ...base, kind, episodes: readEpisodes(source.get('episodes'), kind === 'restart') }
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

function readEpisodes(source: JsonReader, isWhole: boolean): Episode[] {
  const episodes = source.list()
  if (episodes.length === 0) source.fail('a list of at least one episode')
  return episodes.map((episode, i) => {
    const crash = episode.get('crash')
    const isLast = i === episodes.length - 1
    if (isLast && !crash.isNull) crash.fail('null: nothing follows the last episode')
    const expected = readExpected(episode.get('expected'), isWhole, isLast)
    return {
      disk: readPages(episode.get('disk')),
      expected,
      crash: crash.isNull ? null : readCrash(crash, expected),
    }
  })
}

function readCrash(source: JsonReader, expected: Expected): NonNullable<Episode['crash']> {
  const durableThroughLsn = source.get('durableThroughLsn').lsn()
  const appended = [...expected.analysis.appended, ...(expected.undo?.appended ?? [])]
  if (appended.some((record) => record.lsn > durableThroughLsn)) {
    source.get('durableThroughLsn').fail('at or above every LSN that this attempt is expected to have appended durably')
  }
  return { durableThroughLsn, pagesFlushed: readPages(source.get('pagesFlushed')) }
}

function readExpected(source: JsonReader, isWhole: boolean, isLast: boolean): Expected {
  const analysis = source.get('analysis')
  const redo = source.get('redo')
  const undo = source.get('undo')
  const finalPages = source.get('finalPages')
  const attAfter = analysis.get('attAfter')
  if (isWhole && redo.isNull) redo.fail('the expected redo pass')
  if (isWhole && undo.isNull) undo.fail('the expected undo pass')
  if (isWhole && isLast && finalPages.isNull) finalPages.fail('the pages after recovery')
  return {
    analysis: {
      startLsn: analysis.get('startLsn').lsnOrNull(),
      att: readAtt(analysis.get('att')),
      dpt: readDpt(analysis.get('dpt')),
      appended: analysis.get('appended').list().map(readTransactionRecord),
      attAfter: attAfter.isNull ? null : readAtt(attAfter),
    },
    redo: redo.isNull ? undefined : readRedo(redo),
    undo: undo.isNull
      ? undefined
      : {
          order: undo
            .get('order')
            .list()
            .map((lsn) => lsn.lsn()),
          appended: undo.get('appended').list().map(readTransactionRecord),
        },
    finalPages: finalPages.isNull ? undefined : readPages(finalPages),
  }
}

function readRedo(source: JsonReader): NonNullable<Expected['redo']> {
  const dptAfterRedo = source.get('dptAfterRedo')
  return {
    startLsn: source.get('startLsn').lsnOrNull(),
    redone: source
      .get('redone')
      .list()
      .map((lsn) => lsn.lsn()),
    skipped: source
      .get('skipped')
      .list()
      .map((skip) => ({ lsn: skip.get('lsn').lsn(), reason: skip.get('reason').oneOf(REASONS) })),
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
    undoOrder: source
      .get('undoOrder')
      .list()
      .map((lsn) => lsn.lsn()),
    appended: source.get('appended').list().map(readTransactionRecord),
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
