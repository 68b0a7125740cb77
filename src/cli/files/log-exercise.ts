/**
 * The end of a database's log as a recovery exercise: what a restart would find, in the text notation of
 * scenarios. A record keeps its LSN, links, transaction and page. What it changes on the page does not fit
 * into a scenario, so it becomes a slot of the transaction's own, as where a slide tells the page alone.
 */
import { NO_PAGE } from '../../common/ids.ts'
import { type LogRecordView, RecordType } from '../../log/log-record.ts'
import { pageLsnOf } from '../../page/page.ts'
import { decodeCheckpointPart } from '../../recovery/checkpoint-record.ts'
import { decodePrepare } from '../../recovery/prepare-record.ts'
import { TXN_STATUS_NAMES, TxnStatus } from '../../recovery/transaction-table.ts'
import { CliError, ExitCode } from '../errors.ts'
import { walkLog } from './log-scan.ts'
import { PageFile } from './page-file.ts'
import type { RawDatabase } from './raw-database.ts'

const STATUS_WORDS: ReadonlyMap<number, string> = new Map([
  [RecordType.BEGIN, 'begin'],
  [RecordType.COMMIT, 'commit'],
  [RecordType.ABORT, 'abort'],
  [RecordType.END, 'end'],
])

/**
 * The exercise as text: all that a restart reads, from the low-water mark of the last checkpoint on.
 * @throws `CliError` when the log has what no exercise can say; `IO_ERROR`
 */
export async function exerciseOf(raw: RawDatabase, id: string): Promise<string> {
  const [newest] = raw.master.records
  if (newest === undefined) throw new CliError('no master record can be read', ExitCode.PROBLEMS)
  const { checkpointLsn } = newest.master
  const records = await recordsFrom(raw, 0)
  const start = lowWaterOf(records, checkpointLsn)
  const writer = new ExerciseWriter(records.filter(({ lsn }) => lsn >= start))
  const log = writer.log()
  using file = new PageFile(raw)
  const hasMaster = records.some(({ lsn }) => lsn === checkpointLsn)
  return [
    `scenario ${JSON.stringify(id)} "recorded from a database"`,
    'note "Each update is shown as a slot of its transaction; pages hold what fits that."',
    'log',
    ...log,
    hasMaster ? `master ${checkpointLsn}` : 'master none',
    'restart',
    ...writer.pages.map((pageId) => diskLine(file, pageId, writer)),
  ].join('\n')
}

async function recordsFrom(raw: RawDatabase, lsn: number): Promise<LogRecordView[]> {
  const records: LogRecordView[] = []
  const end = await walkLog(raw, lsn, false, {
    record: (record) => {
      if (record.type !== RecordType.FLUSH_MARKER) records.push(record.copy())
      return true
    },
    gap: () => {},
  })
  if (end.damage !== undefined) throw new CliError(`the log is damaged: ${end.damage}`, ExitCode.PROBLEMS)
  return records
}

/** The oldest record that a restart from the checkpoint may read. */
function lowWaterOf(records: readonly LogRecordView[], checkpointLsn: number): number {
  const parts = checkpointParts(records, checkpointLsn)
  const firstLsns = parts.flatMap(({ transactions }) => transactions.map(({ firstLsn }) => firstLsn))
  const recLsns = parts.flatMap(({ dirtyPages }) => dirtyPages.map(([, recLsn]) => recLsn))
  return [...firstLsns, ...recLsns].reduce((lowest, lsn) => Math.min(lowest, lsn), checkpointLsn)
}

/** The parts of the tables behind a BEGIN_CHECKPOINT. */
function checkpointParts(records: readonly LogRecordView[], lsn: number): ReturnType<typeof decodeCheckpointPart>[] {
  const behind = records.slice(records.findIndex((record) => record.lsn === lsn) + 1)
  const length = behind.findIndex(({ type }) => type !== RecordType.END_CHECKPOINT)
  return behind.slice(0, length < 0 ? behind.length : length).map(decodeCheckpointPart)
}

function diskLine(file: PageFile, pageId: number, writer: ExerciseWriter): string {
  const { isUnwritten, faults, view } = file.read(pageId)
  const lsn = isUnwritten || faults.length > 0 ? 0 : pageLsnOf(view, 0)
  // A page last written before the log that is kept: what it held is not told.
  return `disk P${pageId} @${lsn === 0 ? 'none' : lsn}${lsn === 0 || writer.changes(pageId, lsn) ? '' : ' empty'}`
}

/** No exercise asks for a third outcome beside winner and loser. */
function stillInDoubt(record: LogRecordView): CliError {
  const { txnId, lsn } = record
  const name = JSON.stringify(decodePrepare(record).name)
  return new CliError(
    `transaction ${txnId} was prepared as ${name} at LSN ${lsn} and is still in doubt: restart neither undoes nor ends it, and the notation of scenarios has no word for that; "aries explain" shows what a restart does`,
  )
}

class ExerciseWriter {
  readonly #records: ReadonlyMap<number, LogRecordView>
  /** The transactions whose outcome is in the log: that they were prepared before makes no difference any more. */
  readonly #decided: ReadonlySet<number>

  constructor(records: readonly LogRecordView[]) {
    this.#records = new Map(records.map((record) => [record.lsn, record]))
    this.#decided = new Set(records.filter(({ type }) => OUTCOMES.has(type)).map(({ txnId }) => txnId))
  }

  get pages(): number[] {
    const changing = [...this.#records.values()].filter(isChange)
    return [...new Set(changing.map(({ pageId }) => pageId as number))].sort((a, b) => a - b)
  }

  changes(pageId: number, lsn: number): boolean {
    const record = this.#records.get(lsn)
    return record !== undefined && isChange(record) && record.pageId === pageId
  }

  log(): string[] {
    return [...this.#records.values()].flatMap((record) => {
      if (record.type === RecordType.BEGIN_CHECKPOINT)
        return [`${record.lsn} begin_checkpoint`, ...this.#tables(record)]
      const text = this.#text(record)
      return text === undefined ? [] : [`${record.lsn} T${record.txnId} ${text} prev ${this.#link(record.prevLsn)}`]
    })
  }

  #tables({ lsn }: LogRecordView): string[] {
    const all = [...this.#records.values()]
    const first = all[all.findIndex((record) => record.lsn === lsn) + 1]
    if (first?.type !== RecordType.END_CHECKPOINT) return []
    const parts = checkpointParts(all, lsn)
    const att = parts.flatMap(({ transactions }) =>
      transactions.map(({ id, status, lastLsn }) => `T${id} ${statusWord(status)} ${this.#link(lastLsn)}`),
    )
    const dpt = parts.flatMap(({ dirtyPages }) => dirtyPages.map(([pageId, recLsn]) => `P${pageId} ${recLsn}`))
    return [`${first.lsn} end_checkpoint att ${att.join(', ') || 'none'} dpt ${dpt.join(', ') || 'none'}`]
  }

  /** An LSN as an exercise has it: records that it has no word for are passed over. */
  #link(lsn: number): string {
    let record = this.#records.get(lsn)
    while (record !== undefined && isLeftOut(record)) record = this.#records.get(record.prevLsn)
    return record === undefined ? 'none' : String(record.lsn)
  }

  #text(record: LogRecordView): string | undefined {
    const { type, pageId, txnId, lsn } = record
    if (type === RecordType.UPDATE) {
      // A record that is redone and never undone is to recovery what a CLR is.
      return record.isRedoOnly
        ? `clr P${pageId} T${txnId}: ${lsn} next ${this.#link(record.prevLsn)}`
        : `update P${pageId}`
    }
    if (type === RecordType.CLR) {
      const next = `next ${this.#link(record.undoNextLsn)}`
      if (pageId === NO_PAGE) return `clr dummy ${next}`
      const undone = this.#undoneBy(record)
      // One that closes a nested top action may change a page of its own, as the CLR of a split does.
      return undone === undefined ? `clr P${pageId} T${txnId}: ${lsn} ${next}` : `clr undoes ${undone.lsn} ${next}`
    }
    if (type === RecordType.PREPARE && !this.#decided.has(txnId)) throw stillInDoubt(record)
    return STATUS_WORDS.get(type)
  }

  /** The update that a CLR compensates, the next one to undo from the record before it on, when it leads just past it. */
  #undoneBy(clr: LogRecordView): LogRecordView | undefined {
    let record = this.#records.get(clr.prevLsn)
    while (record !== undefined && (record.type !== RecordType.UPDATE || record.isRedoOnly)) {
      record = this.#records.get(record.type === RecordType.CLR ? record.undoNextLsn : record.prevLsn)
    }
    return record?.prevLsn === clr.undoNextLsn && record.pageId === clr.pageId ? record : undefined
  }
}

const isChange = ({ type, pageId }: LogRecordView): boolean =>
  type === RecordType.UPDATE || (type === RecordType.CLR && pageId !== NO_PAGE)

const LEFT_OUT: ReadonlySet<number> = new Set([RecordType.PENDING, RecordType.PENDING_DONE, RecordType.PREPARE])
const OUTCOMES: ReadonlySet<number> = new Set([RecordType.COMMIT, RecordType.ABORT, RecordType.END])

const isLeftOut = ({ type }: LogRecordView): boolean => LEFT_OUT.has(type)

/** Between its PREPARE and its outcome a transaction has no other status in a scenario. */
const statusWord = (status: TxnStatus): string | undefined =>
  TXN_STATUS_NAMES[status === TxnStatus.PREPARED ? TxnStatus.RUNNING : status]
