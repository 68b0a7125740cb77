/** `aries export`: all rows as JSON Lines. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import type { Command } from 'commander'
import type { Gap, Snapshot } from '../../index.ts'
import { ExitCode } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { isDamage, openToInspect } from '../open.ts'
import { counted, warn } from '../output.ts'
import { ProgressBar } from '../progress.ts'
import { addRowOptions, decodeRow, type RowEncoding, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { existingTable, type RawTable } from '../rows/tables.ts'
import { nextTurn } from '../turns.ts'

interface Options extends RowOptions {
  readonly output?: string
}

const ROWS_A_TURN = 1_000

export function addExport(program: Command): void {
  addRowOptions(program.command('export'))
    .description('write rows as JSON Lines, for "aries import" or other programs, without changing the database')
    .argument('<directory>', 'the directory of the database')
    .argument('[table...]', 'the tables; all when none is named')
    .option('--output <file>', 'write to this file, which must not exist, instead of stdout')
    .addHelpText(
      'after',
      `
A line is {"table":...,"key":...,"value":...}. With --keys hex and --values hex every database can be written
whose values have no more than 255 MiB.
All rows are of one moment. Around damaged pages everything else is written, and what is missing is said.
When a row does not fit the encoding, or on Ctrl-C, the file of --output is removed.

Examples:
  $ aries export ./data > data.jsonl
  $ aries export ./data fruit --values json --output fruit.jsonl
  $ aries export ./old --keys hex --values hex | aries import ./new --create --keys hex --values hex

Exits with 0, with 1 when a table is damaged, or with 3 when a row does not fit the encoding.`,
    )
    .action(async (directory: string, names: readonly string[], options: Options) => {
      await interruptible(async (signal) => {
        await using database = await openToInspect(directory)
        using snapshot = database.snapshot()
        const wanted = names.length === 0 ? snapshot.tables() : names
        const tables = wanted.map((name) => existingTable(database, snapshot, name))
        using output = new LineOutput(options.output)
        const count = await exportTables(tables, snapshot, rowEncodingOf(options), output, signal)
        output.finish()
        if (options.output !== undefined) warn(`${counted(count, 'row')} written to ${options.output}`)
      })
    })
}

async function exportTables(
  tables: readonly RawTable[],
  snapshot: Snapshot,
  encoding: RowEncoding,
  output: LineOutput,
  signal: AbortSignal,
): Promise<number> {
  using bar = new ProgressBar()
  let count = 0
  for (const [index, table] of tables.entries()) {
    const onGap = (gap: Gap<Uint8Array>): void => {
      warn(`table ${table.name}: ${gapText(gap, encoding)}`)
      process.exitCode = ExitCode.PROBLEMS
    }
    try {
      for (const row of snapshot.salvage(table, onGap)) {
        const [key, value] = decodeRow(table.name, row, encoding.key.toJson, encoding.value.toJson)
        output.write(JSON.stringify({ table: table.name, key, value }))
        if (++count % ROWS_A_TURN !== 0) continue
        bar.update(`table ${table.name}`, index, tables.length, ` | ${counted(count, 'row')}`)
        await nextTurn()
        signal.throwIfAborted()
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      warn(`table ${table.name}: ${error.message}`)
      process.exitCode = ExitCode.PROBLEMS
    }
  }
  return count
}

function gapText({ after, before, errors }: Gap<Uint8Array>, { key }: RowEncoding): string {
  const [from, to] = [after, before].map((bytes) => bytes && JSON.stringify(key.toJson(bytes)))
  const which =
    from === undefined
      ? to === undefined
        ? 'no row'
        : `no row before ${to}`
      : to === undefined
        ? `no row behind ${from}`
        : `no row between ${from} and ${to}`
  return `${which} can be read: ${errors.map(({ message }) => message).join('; ')}`
}

/** Lines to stdout or to a new file, in large pieces. A file that is not finished is removed. */
class LineOutput implements Disposable {
  readonly #path: string | undefined
  readonly #file: number | undefined
  #lines: string[] = []
  #length = 0
  #isFinished = false

  constructor(path: string | undefined) {
    this.#path = path
    this.#file = path === undefined ? undefined : openSync(path, 'wx')
  }

  write(line: string): void {
    // Together with others a long one may be more than a text can be.
    if (this.#length + line.length > 1 << 20) this.#flush()
    this.#lines.push(line)
    this.#length += line.length
    if (this.#length > 1 << 16) this.#flush()
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#length = 0
    if (this.#file === undefined) process.stdout.write(text)
    else for (let bytes = Buffer.from(text); bytes.length > 0; ) bytes = bytes.subarray(writeSync(this.#file, bytes))
  }

  /** Writes what is left. */
  finish(): void {
    this.#flush()
    this.#isFinished = true
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file)
    if (this.#path !== undefined && !this.#isFinished) rmSync(this.#path, { force: true })
  }
}
