/** Runs a script of lives on engine and model. */
import { AriesError } from '../../src/common/errors.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { drawCrash, type PlannedFault } from '../../src/io/simulated-plan.ts'
import { problemsOfInDoubt } from '../commands/in-doubt.ts'
import { type OperationCounts, Operations } from '../commands/operations.ts'
import type { CrashHow } from '../commands/script.ts'
import { EXPECTED, Session } from '../commands/session.ts'
import {
  drive,
  idle,
  type Lab,
  type Options,
  openLab,
  pageTableProblems,
  problemsAfterRestart,
  readAll,
  remainders,
} from '../lab.ts'
import { type Content, type CrashKind, Model } from '../model.ts'
import type { Life, LifeStep, Opening } from './script.ts'

/** What an operation may end with while the disk fails or is full. */
const FAILING = new Set(['DISK_FULL', 'IO_ERROR', 'DB_FAILED', 'TX_OUTCOME_UNKNOWN', 'TX_CLOSED'])
/** Those that leave a part of a page. */
const TEARING = new Set(['F12', 'F13'])

export interface LifeCounts extends OperationCounts {
  crashes: number
  closes: number
  failedCloses: number
  failedOpenings: number
  visits: number
}

export class LivesRun {
  readonly counts: LifeCounts = {
    commits: 0,
    prepared: 0,
    decided: 0,
    crashes: 0,
    closes: 0,
    failedCloses: 0,
    failedOpenings: 0,
    visits: 0,
  }
  readonly #model = new Model()
  #disk = new SimulatedFileSystem()
  #operations: Operations | undefined
  /** The worst that has happened since the last life. */
  #crash: CrashKind = 'kill'
  /** Pages may have been written in place alone since the last opening with double-writing, so a power cut may tear them. */
  #isInPlace = false

  static async run(lives: readonly Life[]): Promise<LivesRun> {
    const run = new LivesRun()
    for (const life of lives) await run.#live(life)
    // What the last one has left is looked at too.
    await run.#open({ doubleWrite: true })
    return run
  }

  async #live(life: Life): Promise<void> {
    for (const opening of life.openings) await this.#tryToOpen(opening)
    const lab = await this.#open(life.options)
    const disk = this.#disk
    this.#inject(life.faults)
    if (life.spareBytes !== undefined) disk.capacityBytes = sizeOf(disk) + life.spareBytes
    if (life.crash.after > 0) disk.crashAfter(life.crash.after)
    const hasWhole = await this.#work(lab, life.steps)
    await this.#close(lab, hasWhole)
    if (disk.poweredOff) {
      this.counts.crashes++
      this.#goOn(life.crash.how, true)
    } else this.#goOn('kill', false)
    if (life.isVisited) await this.#visit(life.options)
  }

  /** Opens on a disk that fails, or that goes off; whatever comes of it, the process dies then. */
  async #tryToOpen({ options, faults, crash }: Opening): Promise<void> {
    const disk = this.#disk
    this.#isInPlace ||= options.doubleWrite === false
    this.#inject(faults)
    if (crash.after > 0) disk.crashAfter(crash.after)
    try {
      await openLab(disk, options)
    } catch (error) {
      this.counts.failedOpenings++
      if (!disk.poweredOff && !this.#isToBeExpected(error)) throw error
    }
    this.#goOn(disk.poweredOff ? crash.how : 'kill', disk.poweredOff)
  }

  #inject(faults: readonly PlannedFault[]): void {
    for (const { fault, kind, effect, match } of faults) {
      if (!this.#isInPlace || !TEARING.has(fault)) this.#disk.inject(kind, effect, match)
    }
  }

  /** The disk as the next opening finds it. Where the crash may have torn a page for good, only what is durable counts. */
  #goOn(how: CrashHow, hasStruck: boolean): void {
    const survives = hasStruck && this.#isInPlace ? 'none' : how
    if (survives !== 'kill') this.#crash = 'power'
    this.#disk = this.#disk.crash(typeof survives === 'number' ? drawCrash(survives) : { mode: survives })
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY
  }

  /** Opens, and looks at all that was found on a copy; the model takes it. */
  async #open(options: Options): Promise<Lab> {
    const copy = this.#disk.crash({ mode: 'kill' })
    const other = await openLab(copy, { ...options, deferRedo: false })
    const problems = problemsAfterRestart(other, copy)
    const found = await drive(other.runtime, readAll(other.db))
    await drive(other.runtime, other.db.close())
    const lab = await openLab(this.#disk, options)
    problems.push(...pageTableProblems(lab.managers, this.#disk), ...remainders(lab.managers))
    if (problems.length > 0) throw new Error(problems.join('\n'))
    this.#isInPlace = options.doubleWrite === false
    this.#model.recovered(found, this.#model.floor(this.#crash))
    this.#crash = 'kill'
    const wrong = await problemsOfInDoubt(lab, this.#disk, options, this.#model)
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
    return lab
  }

  /** Takes the steps. False when it has failed on the way: the outcome of a transaction may be open. */
  async #work(lab: Lab, steps: readonly LifeStep[]): Promise<boolean> {
    this.#operations ??= new Operations(this.#model, this.counts, lab)
    this.#operations.lab = lab
    let session: Session | undefined
    for (const step of steps) {
      // It may have stopped meanwhile, at something in the background.
      if (lab.managers.failStop.failed) return false
      if (session?.tx.isActive !== true) session = new Session(lab.db)
      try {
        await drive(lab.runtime, this.#take(lab, session, step))
      } catch (error) {
        if (this.#disk.poweredOff) return false
        if (!(AriesError.is(error) && EXPECTED.has(error.code)) && !this.#isToBeExpected(error)) throw error
        if (ENDS.has(step.do)) return false
      }
    }
    return !lab.managers.failStop.failed || lab.managers.failStop.isUnheard
  }

  async #take(lab: Lab, session: Session, step: LifeStep): Promise<void> {
    const operations = this.#operations as Operations
    if ('by' in step) return operations.perform(session, step)
    if (step.do === 'decide') return this.#decide(operations, step)
    if (step.do === 'checkpoint') return lab.db.checkpoint()
    return this.#model.flushing(() => lab.db.flush())
  }

  async #decide(operations: Operations, step: Extract<LifeStep, { do: 'decide' }>): Promise<void> {
    const inDoubt = operations.inDoubt(step.which)
    if (inDoubt !== undefined) await operations.decide(inDoubt, step)
  }

  #isToBeExpected(error: unknown): boolean {
    const isFull = this.#disk.capacityBytes < Number.POSITIVE_INFINITY
    return (isFull || this.#disk.faultsHit.length > 0) && isFailing(error)
  }

  /** A close that succeeds leaves everything durable, unless the outcome of a transaction is open. */
  async #close({ db, runtime }: Lab, hasWhole: boolean): Promise<void> {
    const close = (): Promise<void> => drive(runtime, db.close())
    try {
      await (hasWhole ? this.#model.flushing(close) : close())
      this.counts.closes++
    } catch (error) {
      if (!this.#disk.poweredOff && !this.#isToBeExpected(error)) throw error
      this.counts.failedCloses++
    }
    await idle()
  }

  /** Opens for reading alone: what is there is legal, and nothing changes. What needs a restart cannot be opened so. */
  async #visit(options: Options): Promise<void> {
    const disk = this.#disk
    const before = disk.digest()
    disk.readOnly = true
    try {
      const { db, runtime } = await openLab(disk, options)
      const found: Content = await drive(runtime, readAll(db))
      const wrong = this.#model.problemOf(found, this.#model.floor(this.#crash))
      if (wrong !== undefined) throw new Error(wrong)
      await drive(runtime, db.close())
      this.counts.visits++
    } catch (error) {
      if (!(AriesError.is(error) && error.code === 'DB_READ_ONLY')) throw error
    }
    disk.readOnly = false
    if (disk.digest() !== before) throw new Error('opening for reading has changed something')
  }
}

/** Steps after whose failure the outcome of a transaction is open. */
const ENDS = new Set<LifeStep['do']>(['commit', 'prepare', 'decide', 'abort'])

const isFailing = (error: unknown): boolean => AriesError.is(error) && FAILING.has(error.code)

const sizeOf = (disk: SimulatedFileSystem): number =>
  disk.list().reduce((sum, name) => sum + disk.contentOf(name).length, 0)
