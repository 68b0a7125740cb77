/**
 * The runner carries a crash test's functions from one simulated process to the next:
 *
 *   setup -> base disk -> workload -> crash -> disk left -> restart -> crash -> ... -> restart, invariant
 *
 * A `Moment` is a crash that has happened, before it is decided what of the unsynced changes survives;
 * many states can be tried from one. Where the application has a `world` that is no plain data and so
 * cannot be copied, each state begins again from the base disk instead; everything being deterministic,
 * it gets to the same moment.
 */
import { type Random, randomFrom } from '../common/random.ts'
import type { Database, RecoveryReport } from '../index.ts'
import type { PendingChange } from '../io/simulated-changes.ts'
import { SimulatedFileSystem, type TraceEntry } from '../io/simulated-file-system.ts'
import type { Cut } from './crash-case.ts'
import { show } from './handles.ts'
import type { CrashDescription, CrashTestOptions, CrashTestSettings, ProcessContext } from './options.ts'
import { crashChoiceOf } from './persisted.ts'
import { copyOf, isPlainData } from './plain-data.ts'
import { type ProcessEnd, SimulatedProcess, type TimelineEvent } from './simulated-process.ts'

/** What is known of a life that is over, for the timeline. */
export interface LifeRecord {
  readonly events: readonly TimelineEvent[]
  readonly trace: readonly TraceEntry[]
  /** How it was crashed, and what was unsynced then. Undefined for the last life. */
  readonly cut?: Cut
  readonly pending: readonly PendingChange[]
}

/** A crash, before it is decided what survives. */
export interface Moment<Acknowledged, World> {
  /** The crashes before this one. */
  readonly earlier: readonly Cut[]
  readonly at: number
  readonly disk: SimulatedFileSystem
  readonly pending: readonly PendingChange[]
  readonly world: World
  readonly acknowledged: readonly Acknowledged[]
  readonly workloadEnded: boolean
  readonly lives: readonly LifeRecord[]
}

/** What the workload does to the disk when nothing stops it. */
export interface Rehearsal {
  /** The changes, which are the possible crash points, those of closing included. */
  readonly mutations: readonly TraceEntry[]
  /** The first crash point after the workload. */
  readonly workloadEnd: number
}

/** A violation: in which part, and what was thrown. */
export interface Violation {
  readonly phase: string
  readonly error: unknown
}

/** How a state did. */
export interface Verdict {
  readonly violation?: Violation
  /** How many crash points the restart before the invariant had. */
  readonly restartMutations: number
  readonly lives: readonly LifeRecord[]
  readonly acknowledged: readonly unknown[]
}

/** The disk as one life finds it, and what the outside knows. */
interface Situation<Acknowledged, World> {
  readonly disk: SimulatedFileSystem
  readonly world: World
  readonly acknowledged: Acknowledged[]
  workloadEnded: boolean
}

export class Runner<Acknowledged, World> {
  /** Simulated processes so far. */
  processes = 0
  /** Whether lives tell what the program did. */
  records = false
  readonly #options: CrashTestOptions<Acknowledged, World>
  readonly #settings: CrashTestSettings
  readonly #base: SimulatedFileSystem
  /** The changes that the workload makes to the disk, to see that every run makes the same. */
  #expected: readonly TraceEntry[] = []

  private constructor(
    options: CrashTestOptions<Acknowledged, World>,
    settings: CrashTestSettings,
    base: SimulatedFileSystem,
  ) {
    this.#options = options
    this.#settings = settings
    this.#base = base
  }

  /** Makes the base disk. @throws what `setup` throws */
  static async start<A, W>(options: CrashTestOptions<A, W>, settings: CrashTestSettings): Promise<Runner<A, W>> {
    const base = new SimulatedFileSystem({ seed: settings.seed })
    const process = new SimulatedProcess(base, settings.open, settings.seed, false)
    const end = await process.run(async (handle, db) => {
      const context = contextOf(process, handle, undefined, randomOf(settings.seed, 'setup', 0))
      await process.part('setup', () => options.setup?.(context))
      await process.close(db)
    })
    if (end.how === 'failed') throw end.error
    base.trace = undefined
    const runner = new Runner(options, settings, base)
    runner.processes = 1
    return runner
  }

  /** Runs the workload to its end and closes. @throws when the workload does */
  async rehearse(): Promise<Rehearsal> {
    const { end, life } = await this.#workload(this.#situation(), undefined)
    if (end.how === 'failed') throw workloadFailed(end.error)
    this.#expected = mutationsOf(life.trace)
    const closing = life.events.find(({ kind, text }) => kind === 'phase' && text === 'close')
    const workloadEnd = mutationsOf(life.trace.slice(0, closing?.operations)).length + 1
    return { mutations: this.#expected, workloadEnd }
  }

  /** Runs the workload anew, up to the crash in its change `at`. @throws when it does something else than rehearsed */
  async crashWorkload(at: number): Promise<Moment<Acknowledged, World>> {
    const situation = this.#situation()
    const { end, life } = await this.#workload(situation, at)
    if (end.how === 'failed') throw workloadFailed(end.error)
    this.#compare(life.trace)
    return momentOf(situation, [], at, [life])
  }

  /** Runs the restart on one of the states of `moment`, up to the crash in its change `at`. */
  async crashRestart(moment: Moment<Acknowledged, World>, cut: Cut, at: number): Promise<Moment<Acknowledged, World>> {
    const { situation, from } = await this.#left(moment, cut)
    const { life } = await this.#restart(situation, from.lives.length, at, undefined)
    return momentOf(situation, [...moment.earlier, cut], at, [...livesWith(from, cut), life])
  }

  /** Restarts on one of the states of `moment` and checks the invariant. */
  async judge(moment: Moment<Acknowledged, World>, cut: Cut): Promise<Verdict> {
    const { situation, from } = await this.#left(moment, cut)
    const crash = descriptionOf(moment, cut)
    const { end, life, mutations } = await this.#restart(situation, from.lives.length, undefined, crash)
    const lives = [...livesWith(from, cut), life]
    const verdict = { restartMutations: mutations, lives, acknowledged: situation.acknowledged }
    return end.how === 'failed' ? { ...verdict, violation: { phase: end.phase, error: end.error } } : verdict
  }

  /** All crashes of a case, from the base disk, and the invariant at the end. */
  async runCase(cuts: readonly Cut[]): Promise<Verdict> {
    const [first, ...rest] = cuts as readonly [Cut, ...Cut[]]
    let moment = await this.crashWorkload(first.at)
    let cut = first
    for (const next of rest) {
      moment = await this.crashRestart(moment, cut, next.at)
      cut = next
    }
    return this.judge(moment, cut)
  }

  #situation(): Situation<Acknowledged, World> {
    const world = this.#options.world?.() as World
    return { disk: this.#base.crash({ mode: 'none' }), world, acknowledged: [], workloadEnded: false }
  }

  /** What `cut` leaves of `moment`, not shared with any other state. */
  async #left(
    moment: Moment<Acknowledged, World>,
    cut: Cut,
  ): Promise<{ situation: Situation<Acknowledged, World>; from: Moment<Acknowledged, World> }> {
    const from = isPlainData(moment.world) ? moment : await this.#again(moment)
    const { world, acknowledged, workloadEnded } = from
    const disk = from.disk.crash(crashChoiceOf(cut.persisted, from.pending))
    const own = from === moment ? structuredClone(world) : world
    return { situation: { disk, world: own, acknowledged: [...acknowledged], workloadEnded }, from }
  }

  /** The same moment, reached once more. */
  async #again({ earlier, at }: Moment<Acknowledged, World>): Promise<Moment<Acknowledged, World>> {
    const points = [...earlier.map((cut) => cut.at), at]
    let moment = await this.crashWorkload(points[0] as number)
    for (const [index, cut] of earlier.entries()) {
      moment = await this.crashRestart(moment, cut, points[index + 1] as number)
    }
    return moment
  }

  async #workload(situation: Situation<Acknowledged, World>, crashAt: number | undefined): Promise<Life> {
    return this.#live(situation, crashAt, async (process, handle, db) => {
      const context = this.#contextFor(process, handle, situation, randomOf(this.#settings.seed, 'workload', 0))
      await process.part('workload', () => this.#options.workload(context))
      situation.workloadEnded = true
      await process.close(db)
    })
  }

  async #restart(
    situation: Situation<Acknowledged, World>,
    /** The number of this life, the workload's being 0. */
    number: number,
    crashAt: number | undefined,
    crash: CrashDescription | undefined,
  ): Promise<Life & { mutations: number }> {
    const { disk, world, acknowledged } = situation
    const { seed } = this.#settings
    let mutations = 0
    const life = await this.#live(situation, crashAt, async (process, handle) => {
      process.did(() => describeRecovery(handle.recovery))
      const { restart } = this.#options
      if (restart !== undefined) {
        const context = this.#contextFor(process, handle, situation, randomOf(seed, 'restart', number))
        await process.part('restart', () => restart(context))
      }
      mutations = disk.mutations
      if (crash === undefined) return
      const context = contextOf(process, handle, world, randomOf(seed, 'invariant', number))
      const known = Object.freeze(acknowledged.map(copyOf))
      const holds = await process.part('invariant', () =>
        this.#options.invariant({ ...context, acknowledged: known, crash }),
      )
      if (holds === false) throw new Error('the invariant returned false')
    })
    return { ...life, mutations }
  }

  async #live(
    { disk }: Situation<Acknowledged, World>,
    crashAt: number | undefined,
    work: (process: SimulatedProcess, handle: Database, db: Database) => Promise<void>,
  ): Promise<Life> {
    this.processes++
    if (crashAt !== undefined) disk.crashAfter(crashAt)
    const process = new SimulatedProcess(disk, this.#settings.open, this.#settings.seed, this.records)
    const end = await process.run((handle, db) => work(process, handle, db))
    const trace = disk.trace ?? []
    disk.trace = undefined
    return { end, life: { events: process.events, trace, pending: [] } }
  }

  #contextFor(
    process: SimulatedProcess,
    handle: Database,
    { world, acknowledged }: Situation<Acknowledged, World>,
    random: Random,
  ) {
    return {
      ...contextOf(process, handle, world, random),
      ack: (value: Acknowledged): void => {
        if (process.isDead) return
        acknowledged.push(copyOf(value))
        process.acknowledged(() => show(value))
      },
    }
  }

  /** A run that makes other changes than the rehearsal cannot be crashed at a chosen one of them. */
  #compare(trace: readonly TraceEntry[]): void {
    for (const [index, entry] of mutationsOf(trace).entries()) {
      const expected = this.#expected[index]
      if (expected !== undefined && isSame(entry, expected)) continue
      throw new Error(
        `the workload is not deterministic: change ${index + 1} to the disk was ${expected === undefined ? 'not there' : describe(expected)} in one run and ${describe(entry)} in another. Use the given random() and sleep(), not Math.random, Date.now, timers or input and output`,
      )
    }
  }
}

interface Life {
  readonly end: ProcessEnd
  readonly life: LifeRecord
}

const PARTS = ['setup', 'workload', 'restart', 'invariant'] as const

/** The numbers of a part of a life. Each has its own: ids made of them must not meet those of another on the same disk. */
function randomOf(seed: number, part: (typeof PARTS)[number], life: number): Random {
  return randomFrom(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(life * PARTS.length + PARTS.indexOf(part), 0x85eb_ca6b))
}

function contextOf<W>(process: SimulatedProcess, db: Database, world: W, random: Random): ProcessContext<W> {
  return {
    db,
    world,
    note: (text) => process.note(text),
    sleep: (milliseconds) => process.sleep(milliseconds),
    random,
  }
}

function momentOf<A, W>(
  { disk, world, acknowledged, workloadEnded }: Situation<A, W>,
  earlier: readonly Cut[],
  at: number,
  lives: readonly LifeRecord[],
): Moment<A, W> {
  return { earlier, at, disk, pending: disk.pendingChanges(), world, acknowledged, workloadEnded, lives }
}

/** The lives up to a moment, the last of them with how it was cut. */
function livesWith(moment: Moment<unknown, unknown>, cut: Cut): LifeRecord[] {
  const last = moment.lives.at(-1) as LifeRecord
  return [...moment.lives.slice(0, -1), { ...last, cut, pending: moment.pending }]
}

function descriptionOf(moment: Moment<unknown, unknown>, cut: Cut): CrashDescription {
  const [first = cut, ...rest] = [...moment.earlier, cut]
  // What a kill has kept unsynced a power cut in the restart can still take.
  const isKill = [first, ...rest].every(({ persisted }) => persisted.mode === 'kill')
  const kind = isKill ? 'process kill' : 'power cut'
  return { kind, ...first, duringRestart: rest, workloadEnded: moment.workloadEnded }
}

function workloadFailed(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Error(`the workload failed without any crash: ${reason}`, { cause })
}

function describeRecovery({ wasNeeded, redo, undo, restoredPages }: RecoveryReport): string {
  if (!wasNeeded) return 'nothing had to be recovered'
  const restored = restoredPages.length === 0 ? '' : `, restored ${restoredPages.length} torn pages`
  return `recovery redid ${redo.redone} changes, rolled back ${undo.losersUndone} transactions${restored}`
}

const MUTATIONS = new Set(['write', 'truncate', 'sync', 'rename', 'remove', 'syncDirectory'])

/** Whether it is one of the changes that crash points count. */
export function isMutation({ operation, mode }: TraceEntry): boolean {
  return MUTATIONS.has(operation) || mode === 'create'
}

function mutationsOf(trace: readonly TraceEntry[]): TraceEntry[] {
  return trace.filter(isMutation)
}

function isSame(a: TraceEntry, b: TraceEntry): boolean {
  return a.operation === b.operation && a.file === b.file && a.offset === b.offset && a.length === b.length
}

function describe({ operation, file, offset, length }: TraceEntry): string {
  return `${operation} ${file} ${offset}+${length}`
}
