/** Databases with prepared transactions, and the ways in which these meet the process that ends them. */
import type { Database } from '../../src/database/database.ts'
import type { InDoubtTransaction } from '../../src/database/in-doubt.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Table } from '../../src/database/table.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectFailure, openOn, settle, textTable } from './support.ts'

export function named(db: Database, name: string): InDoubtTransaction {
  const found = db.inDoubt().find((each) => each.name === name)
  if (found === undefined) throw new Error(`${name} is not in doubt`)
  return found
}

export const namesOf = (db: Database): string[] => db.inDoubt().map(({ name }) => name)

/** Begins a transaction, lets `work` do something in it, and prepares it. */
export async function prepared(
  db: Database,
  name: string,
  work: (tx: Transaction) => Promise<unknown>,
): Promise<Transaction> {
  const tx = db.begin()
  await work(tx)
  await tx.prepare(name)
  return tx
}

/** A database whose clock the test moves. */
export class Bench {
  readonly disk: SimulatedFileSystem
  readonly runtime: SimulatedRuntime
  readonly db: Database

  readonly #options: OpenOptions

  private constructor(disk: SimulatedFileSystem, runtime: SimulatedRuntime, db: Database, options: OpenOptions) {
    this.#options = options
    this.disk = disk
    this.runtime = runtime
    this.db = db
  }

  static async open(disk: SimulatedFileSystem, options: OpenOptions = {}): Promise<Bench> {
    const runtime = new SimulatedRuntime(1)
    return new Bench(disk, runtime, await openOn(disk, { ...options, runtime }), options)
  }

  /** A new database with an empty table. */
  static async made(options?: OpenOptions): Promise<Bench> {
    const bench = await Bench.open(new SimulatedFileSystem(), options)
    await bench.db.transaction((tx) => tx.createTable(bench.text))
    return bench
  }

  /** The machine loses its power, with all that was not synced; what comes up after it. */
  crashed(options = this.#options): Promise<Bench> {
    return Bench.open(this.disk.crash({ mode: 'none' }), options)
  }

  async reopened(options = this.#options): Promise<Bench> {
    await this.db.close()
    return Bench.open(this.disk, options)
  }

  /** Whether somebody else is kept from doing `work`. */
  async isLocked(work: (tx: Transaction) => Promise<unknown>): Promise<boolean> {
    const tx = this.db.begin({ lockTimeoutMs: 1 })
    const done = work(tx).then(
      () => false,
      (error: { code: string }) => {
        if (error.code !== 'TX_LOCK_TIMEOUT') throw error
        return true
      },
    )
    await settle(2)
    this.runtime.advance(1)
    const result = await done
    await tx.abort()
    return result
  }

  get text(): ReturnType<typeof textTable> {
    return textTable(this.db)
  }
}

/** How a prepared transaction meets the process that ends it. */
export const LIVES: readonly (readonly [string, (bench: Bench) => Promise<Bench>])[] = [
  ['in the same process', async (bench) => bench],
  ['after a power cut', (bench) => bench.crashed()],
  ['after a clean close', (bench) => bench.reopened()],
  [
    'after a checkpoint and a power cut',
    async (bench) => {
      await bench.db.checkpoint()
      return bench.crashed()
    },
  ],
  ['after two power cuts', async (bench) => (await bench.crashed()).crashed()],
  ['after a power cut and a clean close', async (bench) => (await bench.crashed()).reopened()],
  ['after two clean closes', async (bench) => (await bench.reopened()).reopened()],
]

export const isFulfilled = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )

/** Leaves no room on the disk. */
export function fill(disk: SimulatedFileSystem): void {
  disk.capacityBytes = disk.list().reduce((sum, name) => sum + disk.contentOf(name).length, 0)
}

/** Puts rows with values of this length until there is no room for another. */
export async function putUntilFull(tx: Transaction, table: Table<string, string>, length: number): Promise<void> {
  const putting = async (): Promise<void> => {
    for (let i = 0; ; i++) await tx.put(table, `${length}/${i}`, 'z'.repeat(length))
  }
  await expectFailure(putting, 'DISK_FULL', 'room')
}
