/** A database on a simulated disk of its own, to be crashed and reopened at will; what commands work on. */

import { wholeNumber } from '../common/options.ts'
import { type Database, type OpenOptions, open } from '../index.ts'
import { type CrashChoice, SimulatedFileSystem } from '../io/simulated-file-system.ts'
import { SimulatedRuntime } from '../io/simulated-runtime.ts'

/** What `open` takes, but for the runtime, which is the sandbox's. */
export type SandboxOptions = Omit<OpenOptions, 'runtime' | 'createIfMissing'> & { readonly seed?: number }

const SMALL = { pageSize: 4096, poolBytes: 16 * 4096, segmentBytes: 65_536, checkpointBytes: 65_536 }

export class Sandbox {
  readonly #options: OpenOptions
  readonly #seed: number
  /** The disk as it is now: another one after each crash. */
  disk: SimulatedFileSystem
  /** The clock that the database goes by; it stands still unless `advance` is called. */
  runtime: SimulatedRuntime
  /** The database; another handle after each crash and `reopen`. */
  db: Database

  private constructor(seed: number, options: OpenOptions, opened: Opened) {
    this.#seed = seed
    this.#options = options
    this.disk = opened.disk
    this.runtime = opened.runtime
    this.db = opened.db
  }

  /**
   * Makes an empty database; pages, pool and log are small unless `options` say otherwise.
   * @throws `INVALID_ARGUMENT`, and as `open`
   */
  static async create({ seed = 1, ...options }: SandboxOptions = {}): Promise<Sandbox> {
    wholeNumber('seed', seed, 0)
    const all = { ...SMALL, ...options, createIfMissing: true }
    return new Sandbox(seed, all, await opened(new SimulatedFileSystem({ seed }), seed, all))
  }

  /** Crashes and opens what that leaves; the old handle is to be dropped. Throws as `open`. */
  async crash(choice: number | CrashChoice): Promise<void> {
    Object.assign(this, await opened(this.disk.crash(choice), this.#seed, this.#options))
  }

  /** Closes and opens again. Throws as `close` and `open`. */
  async reopen(): Promise<void> {
    await this.db.close()
    Object.assign(this, await opened(this.disk, this.#seed, this.#options))
  }
}

interface Opened {
  readonly disk: SimulatedFileSystem
  readonly runtime: SimulatedRuntime
  readonly db: Database
}

async function opened(disk: SimulatedFileSystem, seed: number, options: OpenOptions): Promise<Opened> {
  const runtime = new SimulatedRuntime(seed)
  return { disk, runtime, db: await open(disk, { ...options, runtime }) }
}
