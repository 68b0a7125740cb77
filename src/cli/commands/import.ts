/** `aries import`: rows from JSON Lines, so many in a transaction, or fewer when they are long. */
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import { AriesError, type Database } from '../../index.ts'
import { wholeNumber } from '../arguments.ts'
import { CliError } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { openToWrite } from '../open.ts'
import { counted, printJson, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'
import { addRowOptions, type RowEncoding, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { type RawTable, rawTable } from '../rows/tables.ts'
import { writeRows } from '../rows/write.ts'

interface Options extends RowOptions {
  readonly table?: string
  readonly batch: number
  readonly create?: boolean
  readonly json?: boolean
}

/** Lines that are longer together go into more than one transaction, because all of them are in memory at once. */
const BATCH_BYTES = 16 << 20

interface Row {
  readonly table: RawTable
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** The rows table by table, each table's in the order of their lines. */
function entriesByTable(rows: readonly Row[]): Map<RawTable, [Uint8Array, Uint8Array][]> {
  const tables = new Map<RawTable, [Uint8Array, Uint8Array][]>()
  for (const { table, key, value } of rows) {
    const entries = tables.get(table)
    if (entries === undefined) tables.set(table, [[key, value]])
    else entries.push([key, value])
  }
  return tables
}

export function addImport(program: Command): void {
  addRowOptions(program.command('import'))
    .description('store rows from JSON Lines, as "aries export" writes them')
    .argument('<directory>', 'the directory of the database')
    .argument('[file]', 'the file with the lines; stdin when none is given')
    .option('--table <name>', 'the table for lines that name none')
    .option(
      '--batch <rows>',
      'so many rows in one transaction; fewer when their lines have more than 16 MiB',
      wholeNumber(1),
      1_000,
    )
    .option('--create', 'make the database if there is none')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
A line is {"table":...,"key":...,"value":...}; rows that are there already are replaced. When a line is wrong, or on
Ctrl-C, what was committed until then stays, and the message says how much that is.

Examples:
  $ aries import ./data fruit.jsonl
  $ aries import ./new users.jsonl --table users --values json --create
  $ jq -c '{key: .id, value: .}' users.json | aries import ./data --table users --values json

Exits with 0, or with 3 when a line is wrong.`,
    )
    .action(async (directory: string, file: string | undefined, options: Options) => {
      await interruptible(async (signal) => {
        // Before a database is made for it: is the file there?
        const total = file === undefined ? 0 : statSync(file).size
        const input = file === undefined ? process.stdin : createReadStream(file)
        await using database = await openToWrite(directory, { createIfMissing: options.create === true })
        const rows = await new Importer(database, options, rowEncodingOf(options), signal).run(input, total)
        if (options.json) printJson({ imported: rows })
        else printLine(`${counted(rows, 'row')} imported`)
      })
    })
}

class Importer {
  readonly #database: Database
  readonly #options: Options
  readonly #encoding: RowEncoding
  readonly #signal: AbortSignal
  readonly #tables = new Map<string, RawTable>()
  #committed = 0

  constructor(database: Database, options: Options, encoding: RowEncoding, signal: AbortSignal) {
    this.#database = database
    this.#options = options
    this.#encoding = encoding
    this.#signal = signal
  }

  /** Imports every line, and tells how many rows there were; `total` is the length of the input, 0 if unknown. */
  async run(input: Readable, total: number): Promise<number> {
    using bar = new ProgressBar()
    let lineNumber = 0
    let batch: Row[] = []
    let bytes = 0
    let committedBytes = 0
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    const stop = (): void => lines.close()
    this.#signal.addEventListener('abort', stop)
    try {
      for await (const line of lines) {
        lineNumber++
        bytes += Buffer.byteLength(line) + 1
        if (line.trim() === '') continue
        batch.push(this.#rowOf(line, lineNumber))
        if (batch.length < this.#options.batch && bytes - committedBytes < BATCH_BYTES) continue
        await this.#commit(batch)
        batch = []
        committedBytes = bytes
        bar.update('import', bytes, total, ` | ${counted(this.#committed, 'row')}`)
      }
      this.#signal.throwIfAborted()
      if (batch.length > 0) await this.#commit(batch)
      return this.#committed
    } catch (error) {
      throw this.#explained(error)
    } finally {
      this.#signal.removeEventListener('abort', stop)
      input.destroy()
    }
  }

  #rowOf(line: string, lineNumber: number): Row {
    try {
      const row = JSON.parse(line) as { table?: unknown; key?: unknown; value?: unknown } | null
      if (typeof row !== 'object' || row === null) throw new CliError('it is not {"key":...,"value":...}')
      for (const name of ['key', 'value'] as const) if (!(name in row)) throw new CliError(`it has no "${name}"`)
      return {
        table: this.#tableOf(row.table ?? this.#options.table),
        key: this.#encoding.key.fromJson(row.key),
        value: this.#encoding.value.fromJson(row.value),
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw new CliError(`line ${lineNumber}: it is not JSON: ${error.message}`)
      throw error instanceof CliError ? new CliError(`line ${lineNumber}: ${error.message}`) : error
    }
  }

  #tableOf(name: unknown): RawTable {
    if (typeof name !== 'string') throw new CliError('it names no "table"; give one with --table')
    let table = this.#tables.get(name)
    if (table === undefined) {
      table = rawTable(this.#database, name)
      this.#tables.set(name, table)
    }
    return table
  }

  async #commit(rows: readonly Row[]): Promise<void> {
    await writeRows(this.#database, this.#signal, async (tx) => {
      for (const [table, entries] of entriesByTable(rows)) await tx.putMany(table, entries)
    })
    this.#committed += rows.length
  }

  /** The error, with how far it came. */
  #explained(error: unknown): unknown {
    const stays = staysText(this.#committed)
    if (this.#signal.aborted) return new CliError(`interrupted; ${stays}`)
    if (error instanceof CliError || AriesError.is(error)) return new CliError(`${error.message}; ${stays}`)
    return error
  }
}

function staysText(committed: number): string {
  if (committed === 0) return 'nothing was imported'
  return `${counted(committed, 'row')} imported before that, and ${committed === 1 ? 'stays' : 'stay'}`
}
