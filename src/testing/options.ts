/** The options of `crashTest`, what its functions are given, and their defaults. */
import { checkOptions, flagOf, invalid, type OptionNames, wholeNumber } from '../common/options.ts'
import type { Database, Durability, OpenOptions } from '../index.ts'
import type { Persisted } from './persisted.ts'

/** What every function of a crash test is given. */
export interface ProcessContext<World> {
  /** The database. After the crash none of its operations ever comes back: the process is dead. */
  readonly db: Database
  /** What `world` made for this run. */
  readonly world: World
  /** Says something in the timeline of a failure. */
  note(text: string): void
  /** Waits, by the clock of the simulation; the database's own timers go by it too. */
  sleep(milliseconds: number): Promise<void>
  /** A number in [0, 1) from the seed, another sequence in each part of a run; a workload must not use `Math.random`. */
  random(): number
}

/** What the workload and the application's restart are given. */
export interface WorkloadContext<Acknowledged = unknown, World = undefined> extends ProcessContext<World> {
  /**
   * Tells the outside that something is done and will stay: call it where your program would answer its
   * client. What was told before the crash, the invariant is given as `acknowledged`. Plain data (objects, arrays,
   * maps, sets) is copied; anything else is kept as it is, and changes with it.
   */
  ack(value: Acknowledged): void
}

/** The crash that the invariant is checked after. */
export interface CrashDescription {
  /** A process kill when the process was killed every time, in the restarts too: what was written is there, synced or not. */
  readonly kind: 'process kill' | 'power cut'
  /** The change to the disk in which the machine stopped, counted from 1. */
  readonly at: number
  /** What survived of the unsynced changes. */
  readonly persisted: Persisted
  /** The crashes of the restarts that followed, oldest first. */
  readonly duringRestart: readonly { readonly at: number; readonly persisted: Persisted }[]
  /** Whether the workload had ended before the crash. */
  readonly workloadEnded: boolean
}

/** What the invariant is given. */
export interface InvariantContext<Acknowledged = unknown, World = undefined> extends ProcessContext<World> {
  /** What was told through `ack` before the crash, oldest first. */
  readonly acknowledged: readonly Acknowledged[]
  readonly crash: CrashDescription
}

/** How far a crash test has come. */
export interface CrashTestFigures {
  /** Different moments at which the machine was stopped. */
  readonly crashPoints: number
  /** How many such moments the workload has. */
  readonly crashPointsPossible: number
  /** Disk states on which the database was reopened and the invariant checked. */
  readonly states: number
  /** Of those, how many came from crashing a restart. */
  readonly statesAfterCrashedRestart: number
  /** How often a process was simulated: workloads and restarts. */
  readonly processes: number
}

export interface CrashTestOptions<Acknowledged = unknown, World = undefined> {
  /** Your code. It is run many times, each time on a copy of what `setup` left, and stopped in the middle. */
  readonly workload: (context: WorkloadContext<Acknowledged, World>) => Promise<unknown> | unknown
  /**
   * What must hold after every crash. Throws, or returns false, when it does not: any assertion library
   * will do. It may write to the database; nothing of that is seen again.
   */
  readonly invariant: (context: InvariantContext<Acknowledged, World>) => Promise<unknown> | unknown
  /** Fills the database before the workload. Runs once, is never crashed, and is durable. */
  readonly setup?: ((context: ProcessContext<undefined>) => Promise<unknown> | unknown) | undefined
  /**
   * What your program does when it starts again after a crash, such as sending what was left unsent.
   * Runs before the invariant; crashes of the restart fall into it too.
   */
  readonly restart?: ((context: WorkloadContext<Acknowledged, World>) => Promise<unknown> | unknown) | undefined
  /**
   * Makes what lies outside the database and survives its crash: a mailbox, another service. Made anew
   * for every run, so that runs do not see each other's. Plain data (objects, arrays, maps, sets) is the
   * fastest: anything else makes each state run the workload again.
   */
  readonly world?: (() => World) | undefined
  /** Of everything that is drawn. Default 1. */
  readonly seed?: number | undefined
  /** Default 4096, small, so that little data makes many pages. */
  readonly pageSize?: number | undefined
  /** Default 16 pages, so that pages are evicted and written back before the commit. */
  readonly poolBytes?: number | undefined
  /** Default 64 KiB, the least. */
  readonly segmentBytes?: number | undefined
  /** Default 64 KiB, the least, so that checkpoints happen. */
  readonly checkpointBytes?: number | undefined
  /** The level of commits that do not ask for another. Default `full`. */
  readonly durability?: Durability | undefined
  /** As in `open`: say what your program says. Default false. */
  readonly deferRedo?: boolean | undefined
  /** How many crash points are tried at most; syncs and what follows them come first. Default 100. */
  readonly maxCrashPoints?: number | undefined
  /** How many states of the disk are tried at most for each crash point. Default 8. */
  readonly statesPerCrashPoint?: number | undefined
  /** Whether the restart after a crash is crashed too, at a few points. Default true. */
  readonly alsoCrashRecovery?: boolean | undefined
  /** Runs one case only, the one with this text from an earlier failure's message. */
  readonly replay?: string | undefined
  /** Called after every crash point. */
  readonly onProgress?: ((figures: CrashTestFigures) => void) | undefined
}

/** Numbers with their defaults filled in. */
export interface CrashTestSettings {
  readonly seed: number
  readonly maxCrashPoints: number
  readonly statesPerCrashPoint: number
  readonly alsoCrashRecovery: boolean
  /** For every `open`, without the runtime. */
  readonly open: OpenOptions
}

const KNOWN: OptionNames<CrashTestOptions> = {
  workload: true,
  invariant: true,
  setup: true,
  restart: true,
  world: true,
  seed: true,
  pageSize: true,
  poolBytes: true,
  segmentBytes: true,
  checkpointBytes: true,
  durability: true,
  deferRedo: true,
  maxCrashPoints: true,
  statesPerCrashPoint: true,
  alsoCrashRecovery: true,
  replay: true,
  onProgress: true,
}

const PAGE_SIZE = 4096
const POOL_PAGES = 16
const SEGMENT_BYTES = 65_536
const CHECKPOINT_BYTES = 65_536

/** Checks options and fills in defaults; those that `open` takes, it checks itself. @throws `INVALID_ARGUMENT` */
export function crashTestSettingsOf<A, W>(options: CrashTestOptions<A, W>): CrashTestSettings {
  for (const name of ['workload', 'invariant'] as const) {
    if (typeof options?.[name] !== 'function') throw invalid(`crashTest needs a function as ${name}`)
  }
  checkOptions('crashTest', options, KNOWN)
  for (const name of ['setup', 'restart', 'world', 'onProgress'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') throw invalid(`${name} must be a function`)
  }
  const { pageSize = PAGE_SIZE, segmentBytes = SEGMENT_BYTES, durability = 'full', deferRedo = false } = options
  return {
    seed: wholeNumber('seed', options.seed ?? 1, 0),
    maxCrashPoints: wholeNumber('maxCrashPoints', options.maxCrashPoints ?? 100, 1),
    statesPerCrashPoint: wholeNumber('statesPerCrashPoint', options.statesPerCrashPoint ?? 8, 1),
    alsoCrashRecovery: flagOf('alsoCrashRecovery', options.alsoCrashRecovery ?? true),
    open: {
      createIfMissing: true,
      pageSize,
      segmentBytes,
      durability,
      deferRedo,
      poolBytes: options.poolBytes ?? POOL_PAGES * pageSize,
      checkpointBytes: options.checkpointBytes ?? CHECKPOINT_BYTES,
    },
  }
}
