/** `aries explain`: a restart of a copy in memory, step by step. */
import { type Command, Option } from 'commander'
import { asLsn } from '../../common/ids.ts'
import type { AriesError, RecoveryReport, RestartEvent } from '../../index.ts'
import { type ShownRecord, shownRecord } from '../../inspect/record-text.ts'
import { isOfRestart, type Phase, phaseOf, RestartTables } from '../../inspect/restart-tables.ts'
import { wholeNumber } from '../arguments.ts'
import { ExitCode } from '../errors.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { isDamage, openTelling } from '../open.ts'
import { counted, milliseconds, printLine } from '../output.ts'
import { eventAsJson, eventLines, transactionsOf } from '../show/restart-text.ts'

interface Options {
  readonly phase?: Phase
  readonly txn?: number
  readonly page?: number
  readonly full?: boolean
  readonly json?: boolean
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('restart a copy of the database in memory, and tell every step and why')
    .argument('<directory>', 'the directory of the database')
    .addOption(new Option('--phase <phase>', 'only this pass').choices(['analysis', 'redo', 'undo']))
    .option('--txn <id>', 'only steps with this transaction', wholeNumber(1))
    .option('--page <id>', 'only steps with this page', wholeNumber())
    .option('--full', 'show all rows of the tables, however many')
    .option('--json', 'print JSON, one step a line')
    .addHelpText(
      'after',
      `
ATT is the transaction table, DPT the dirty page table; both are shown after each record that changes them. Nothing is
written to the directory.

Reasons have the numbers of their tests. Redo passes over a record because
  (1) it changes no page
  (2) its page is not in the DPT: it was clean at the crash
  (3) its LSN is below the recLSN of its page: the page was made dirty only after it
  (4) the pageLSN is not below its LSN: the page on disk has the change already
  (5) the page is damaged and stays as it is
and undo because
  (1) it is a CLR: what it leads past is undone or is to stay
  (2) it was written to be redone only
  (3) it changes no page (BEGIN, ABORT, PENDING)
  (4) nothing is left of it to undo

Examples:
  $ aries explain ./data | less
  $ aries explain ./data --phase redo --page 12
  $ aries explain ./data --json | jq 'select(.kind == "redo-skipped") | .reason' | sort | uniq -c

Exits with 0, or with 1 when damage ends the restart.`,
    )
    .action(async (directory: string, options: Options) => {
      using raw = await RawDatabase.open(directory)
      const teller = new Teller(raw, options)
      try {
        const database = await openTelling(directory, (event) => {
          if (isOfRestart(event)) teller.take(event)
        })
        if (!options.json) printReport(database.recovery)
        await database.close()
      } catch (error) {
        if (!isDamage(error)) throw error
        tellDamage(error, options)
        process.exitCode = ExitCode.PROBLEMS
      }
    })
}

/** Prints the events that are wanted, as they come. */
class Teller {
  readonly #raw: RawDatabase
  readonly #options: Options
  readonly #tables = new RestartTables()
  #phase: Phase | undefined

  constructor(raw: RawDatabase, options: Options) {
    this.#raw = raw
    this.#options = options
  }

  take(event: RestartEvent): void {
    this.#tables.take(event)
    const phase = phaseOf(event)
    if (!this.#isWanted(event, phase)) return
    const record = this.#recordOf(event)
    if (this.#options.json) {
      printLine(JSON.stringify(eventAsJson(event, record, this.#tables)))
      return
    }
    if (phase !== this.#phase) printLine(`${this.#phase === undefined ? '' : '\n'}${phase.toUpperCase()}`)
    this.#phase = phase
    for (const line of eventLines(event, record, this.#tables, this.#options.full === true)) printLine(line)
  }

  #isWanted(event: RestartEvent, phase: Phase): boolean {
    const { phase: wantedPhase, txn, page } = this.#options
    if (wantedPhase !== undefined && phase !== wantedPhase) return false
    if (txn === undefined && page === undefined) return true
    const record = this.#recordOf(event)
    if (txn !== undefined && record?.txn !== txn && !transactionsOf(event).includes(txn)) return false
    return page === undefined || record?.page === page
  }

  /** The record that a step is about, if it is of the log on disk and not written by the restart. */
  #recordOf(event: RestartEvent): ShownRecord | undefined {
    if (!('lsn' in event) || event.kind === 'redo-start' || !this.#raw.reader.isValidAt(event.lsn)) return undefined
    return shownRecord(this.#raw.reader.readAt(asLsn(event.lsn)))
  }
}

function printReport({ wasNeeded, analysis, redo, undo, totalMs, notices }: RecoveryReport): void {
  printLine()
  for (const notice of notices) printLine(`note: ${notice}`)
  if (!wasNeeded) {
    printLine('the database was closed cleanly: there was nothing to redo and nothing to undo')
    return
  }
  const inDoubt = analysis.inDoubt === 0 ? '' : `, ${counted(analysis.inDoubt, 'transaction')} in doubt`
  printLine(
    `${counted(analysis.records, 'record')} analysed, ${redo.redone} redone of ${redo.records}, ${counted(undo.losersUndone, 'loser')} undone with ${counted(undo.clrs, 'CLR')}${inDoubt}; ${milliseconds(totalMs)}`,
  )
}

function tellDamage(error: AriesError, { json }: Options): void {
  if (json) printLine(JSON.stringify({ kind: 'damage', code: error.code, message: error.message }))
  else printLine(`\nthe restart ends here: ${error.message}`)
}
