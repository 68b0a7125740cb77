/**
 * Scripts of several lives of one database, as plain data. Each life is opened with options of its own, perhaps
 * after openings that fail or are cut off, works for a while, perhaps on a disk that fails or is full, and ends by a
 * close, a killed process or a power cut. The crash property keeps the options of a script and has a disk that works.
 *
 * ```
 *   opening with faults   opening cut off   opening | steps; faults, no room | close or crash | opened for reading?
 *   '------------- openings ------------'
 * ```
 *
 * There is one client, and its operations run one after the other. Interleaving is the crash property's matter.
 */
import fc from 'fast-check'
import { type PlannedFault, planFaults } from '../../src/io/simulated-plan.ts'
import { type CrashPlan, plan, printValue, type Step, stepLists, steps } from '../commands/script.ts'
import type { Options } from '../lab.ts'

/** Steps that one client can take. */
export type LifeStep = Exclude<
  Step,
  { do: 'turns' | 'time' | 'snapshot' | 'reopen' | 'crash' | 'full' | 'unreadable' | 'well' }
>

/** An opening that may come to nothing. */
export interface Opening {
  readonly options: Options
  /** Faults of the disk meanwhile. */
  readonly faults: readonly PlannedFault[]
  /** 0 changes: it is not cut off. */
  readonly crash: CrashPlan
}

export interface Life {
  readonly openings: readonly Opening[]
  readonly options: Options
  /** Faults of the disk once it is open. */
  readonly faults: readonly PlannedFault[]
  /** So much may the files grow. */
  readonly spareBytes: number | undefined
  readonly steps: readonly LifeStep[]
  /** Set before the first step; if it does not strike, or is of 0 changes, the life ends with a close. */
  readonly crash: CrashPlan
  /** Whether it is opened for reading alone before the next life. */
  readonly isVisited: boolean
}

const OTHER_STEPS = new Set<Step['do']>(['turns', 'time', 'snapshot', 'reopen', 'crash'])
const isLifeStep = (step: Step): step is LifeStep => !OTHER_STEPS.has(step.do)

const options: fc.Arbitrary<Options> = fc.record({
  frames: fc.constantFrom(8, 8, 12, 128),
  checkpointBytes: fc.constantFrom(65_536, 65_536, 1 << 20),
  deferRedo: fc.boolean(),
  doubleWrite: fc.boolean(),
  escalateLocksAt: fc.constantFrom(1_000_000, 3),
})

/** About how many operations of a kind a life, or an opening, has. */
const HORIZON = 60
/** Faults of syncs and of room, and transfers that end early or midway. */
const FAULTS = new Set(['F9', 'F11', 'F12', 'F13', 'F14'])

/** A close that fails loses nothing that was synced. */
const fault: fc.Arbitrary<PlannedFault> = fc
  .nat(1_000_000)
  .map((seed) => planFaults(seed, { horizon: HORIZON, count: 1 })[0] as PlannedFault)
  .filter(({ fault: number, kind }) => FAULTS.has(number) && kind !== 'close')
const faults: fc.Arbitrary<PlannedFault[]> = fc.array(fault, { maxLength: 2 })

const opening: fc.Arbitrary<Opening> = fc.record({ options, faults, crash: plan(40) })

const life: fc.Arbitrary<Life> = fc.record({
  openings: fc.array(opening, { maxLength: 2 }),
  options,
  faults,
  spareBytes: fc.option(fc.nat(300_000), { freq: 1, nil: undefined }),
  steps: stepLists(steps.filter(isLifeStep), 0, 20).map((list) => list.filter(isLifeStep)),
  crash: fc.oneof(fc.constant<CrashPlan>({ after: 0, how: 'kill' }), plan(120)),
  isVisited: fc.boolean(),
})

export const lives: fc.Arbitrary<Life[]> = fc.array(life, { minLength: 1, maxLength: 5, size: 'max' })

/** The script as text that compiles, a step a line. */
export const printLives = (list: readonly Life[]): string => list.map(printLife).join('\n')

function printLife({ steps: taken, ...rest }: Life): string {
  const fields = printValue(rest).slice(0, -' }'.length)
  return `${fields}, steps: [\n${taken.map((step) => `  ${printValue(step)},\n`).join('')}] },`
}
