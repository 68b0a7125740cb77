/** `aries log`: what is in the log of a database. */
import { type Command, Option } from 'commander'
import { AriesError } from '../../index.ts'
import { type ShownRecord, shownRecord, typeNameOf } from '../../inspect/record-text.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../../log/log-record.ts'
import { oneOrMore, wholeNumber } from '../arguments.ts'
import { ExitCode } from '../errors.ts'
import { chainFrom, type LogEnd, type LogGap, undoNextOf, walkLog } from '../files/log-scan.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { coloured, printLine, warn } from '../output.ts'

interface Options {
  readonly txn?: number
  readonly page?: number
  readonly type?: readonly string[]
  readonly from?: number
  readonly to?: number
  readonly chain?: number
  readonly undoChain?: number
  readonly limit?: number
  readonly last?: number
  readonly salvage?: boolean
  readonly inUse?: boolean
  readonly json?: boolean
}

const TYPES = RECORD_TYPE_NAMES.filter((name) => name !== 'invalid' && name !== 'padding')

export function addLog(program: Command): void {
  program
    .command('log')
    .description('show the records of the log, without changing it, also of a damaged database')
    .argument('<directory>', 'the directory of the database')
    .option('--txn <id>', 'only records of this transaction', wholeNumber(1))
    .option('--page <id>', 'only records that change this page', wholeNumber())
    .option('--type <types>', `only these types, separated by commas: ${TYPES.join(', ')}`, oneOrMore(TYPES))
    .option('--from <lsn>', 'begin at this LSN, or at the next record behind it', wholeNumber())
    .option('--to <lsn>', 'end before this LSN', wholeNumber(1))
    .addOption(
      new Option('--chain <lsn>', 'the record at this LSN and those its prevLSN leads back to')
        .argParser(wholeNumber(1))
        .conflicts(['undoChain', 'from', 'to', 'salvage', 'last']),
    )
    .addOption(
      new Option('--undo-chain <lsn>', 'the same as undo walks it: from a CLR on to its undoNextLSN')
        .argParser(wholeNumber(1))
        .conflicts(['from', 'to', 'salvage', 'last']),
    )
    .option('--limit <count>', 'at most so many records', wholeNumber(1))
    .addOption(
      new Option('--last <count>', 'only the last so many records').argParser(wholeNumber(1)).conflicts(['limit']),
    )
    .option('--salvage', 'go on behind damage, with the next record that is valid')
    .option('--in-use', 'read it although another process has it open; its end is then a moving one')
    .option('--json', 'print JSON, one record a line')
    .addHelpText(
      'after',
      `
Filters are combined. Without --salvage it ends where the log ends, or where it is damaged.

Examples:
  $ aries log ./data --last 20
  $ aries log ./data --txn 17 --type update,clr
  $ aries log ./data --page 12 --from 40960
  $ aries log ./data --undo-chain 51032
  $ aries log ./data --salvage --json | jq 'select(.gap)'

Exits with 0, or with 1 when the log is damaged.`,
    )
    .action(async (directory: string, options: Options) => {
      using raw = await RawDatabase.open(directory, options.inUse ? 'none' : 'quiet')
      const printer = new Printer(raw, options)
      const isDamaged =
        options.chain !== undefined || options.undoChain !== undefined
          ? printChain(raw, options, printer)
          : await printRecords(raw, options, printer)
      if (isDamaged) process.exitCode = ExitCode.PROBLEMS
    })
}

/** Whether damage was found. */
async function printRecords(raw: RawDatabase, options: Options, printer: Printer): Promise<boolean> {
  const { to = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY, last } = options
  const kept: ShownRecord[] = []
  const gaps: LogGap[] = []
  let isWhole = true
  const end = await walkLog(raw, options.from ?? 0, options.salvage === true, {
    record: (record) => {
      if (record.lsn >= to || (last === undefined && printer.count >= limit)) {
        isWhole = false
        return false
      }
      if (!isWanted(record, options)) return true
      if (last === undefined) return printer.record(shownRecord(record))
      kept.push(shownRecord(record))
      if (kept.length > 2 * last) kept.splice(0, last)
      return true
    },
    gap: (gap) => {
      gaps.push(gap)
      if (last === undefined) printer.gap(gap)
    },
  })
  if (last !== undefined) printLast(kept.slice(-last), gaps, printer)
  if (isWhole) printer.end(end)
  return gaps.length > 0 || end.damage !== undefined
}

/** The last records, and all gaps where they lie. */
function printLast(records: readonly ShownRecord[], gaps: readonly LogGap[], printer: Printer): void {
  const left = [...gaps]
  for (const record of records) {
    while (left[0] !== undefined && left[0].toLsn <= record.lsn) printer.gap(left.shift() as LogGap)
    printer.record(record)
  }
  for (const gap of left) printer.gap(gap)
}

function printChain(raw: RawDatabase, options: Options, printer: Printer): boolean {
  const { chain, undoChain, limit = Number.POSITIVE_INFINITY } = options
  const next = undoChain === undefined ? (record: LogRecordView) => record.prevLsn : undoNextOf
  try {
    for (const record of chainFrom(raw, undoChain ?? chain ?? 0, next)) {
      if (printer.count >= limit) break
      if (isWanted(record, options)) printer.record(shownRecord(record))
    }
    return false
  } catch (error) {
    if (!AriesError.is(error) || error.code !== 'LOG_CORRUPT') throw error
    const lsn = error.details.lsn ?? 0
    const isRecycled = lsn < raw.segments.firstLsn
    warn(
      isRecycled
        ? `the chain goes on at LSN ${lsn}, which is no longer in the log: it begins at LSN ${raw.segments.firstLsn}`
        : `there is no valid record at LSN ${lsn}`,
    )
    return !isRecycled
  }
}

function isWanted(record: LogRecordView, { txn, page, type }: Options): boolean {
  if (txn !== undefined && record.txnId !== txn) return false
  if (page !== undefined && (record.pageId !== page || !isOfPage(record))) return false
  return type === undefined || type.includes(typeNameOf(record))
}

const isOfPage = ({ type }: LogRecordView): boolean => type === RecordType.UPDATE || type === RecordType.CLR

const COLOURS: Readonly<Record<string, Parameters<typeof coloured>[0]>> = {
  clr: 'yellow',
  commit: 'green',
  abort: 'red',
  prepare: 'magenta',
  'begin-checkpoint': 'cyan',
  'end-checkpoint': 'cyan',
  'flush-marker': 'dim',
}

/** Prints records line by line, however many they are. */
class Printer {
  count = 0
  readonly #isJson: boolean
  readonly #lsnWidth: number

  constructor(raw: RawDatabase, { json }: Options) {
    this.#isJson = json === true
    this.#lsnWidth = Math.max(9, String(raw.segments.allocatedLsn).length)
  }

  record(record: ShownRecord): true {
    if (this.#isJson) printLine(JSON.stringify(record))
    else this.#line(record)
    this.count++
    return true
  }

  #line(record: ShownRecord): void {
    const cell = (value: string | number | null | undefined, width: number): string =>
      String(value ?? '').padStart(width)
    const lsn = this.#lsnWidth
    if (this.count === 0) {
      const head = `${cell('LSN', lsn)}  ${'type'.padEnd(16)} ${cell('txn', 7)} ${cell('prevLSN', lsn)} ${cell('undoNext', lsn)} ${cell('page', 7)}  what`
      printLine(coloured('bold', head))
    }
    const { undoNextLsn } = record
    const undoNext = undoNextLsn === null ? '-' : undoNextLsn
    const type = record.type.padEnd(16)
    printLine(
      `${cell(record.lsn, lsn)}  ${coloured(COLOURS[record.type] ?? 'reset', type)} ${cell(record.txn, 7)} ${cell(record.prevLsn, lsn)} ${cell(undoNext, lsn)} ${cell(record.page, 7)}  ${record.description}`.trimEnd(),
    )
  }

  gap(gap: LogGap): void {
    if (this.#isJson) printLine(JSON.stringify({ gap }))
    else printLine(coloured('red', `--- damage: ${gap.reason}, from LSN ${gap.fromLsn} to LSN ${gap.toLsn}`))
  }

  end({ lsn, damage }: LogEnd): void {
    if (damage !== undefined) warn(`the log is damaged: ${damage}; --salvage shows what is valid behind it`)
    else if (!this.#isJson) printLine(`the log ends at LSN ${lsn}`)
  }
}
