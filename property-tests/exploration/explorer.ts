/**
 * Exploration: a workload is crashed before every single change and sync of the disk; of each such
 * point the states that a power cut could leave are restarted and judged, and some of those restarts
 * are themselves crashed at every change, and so on to a depth.
 *
 *   workload  --o---o---o---o---o--        o  a crash point: what is unsynced there gives its states
 *                   |   |
 *                   |   +-- state --> restart, judge
 *                   +------ state --> restart --o--o--o--  judge            depth 2 begins here
 *                                               |
 *                                               +-- state --> restart, judge
 *
 * The workload runs once: at each point the disk is copied, which is the state a crash there leaves.
 * Neighbouring points share most of their states; one whose bytes were seen before, with at least as
 * much acknowledged, is not tried again.
 *
 * Of a point with more states than asked for, all, none and the death of the process alone are tried,
 * and of the list that simulated-crash-states.ts makes one out of each equal stretch: it begins with
 * the prefixes and ends with the torn ones and the samples, so that each kind keeps its share.
 *
 * What is asked of a state is in judge.ts.
 */
import { type Random, randomFrom } from '../../src/common/random.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { spread } from '../../src/testing/crash-points.ts'
import { drive, newDisk, openLab } from '../lab.ts'
import { Model } from '../model.ts'
import { Coverage, placeOf } from './coverage.ts'
import { Judge } from './judge.ts'
import {
  type CrashStep,
  floorOf,
  KILLED,
  type Moment,
  MomentRecorder,
  type State,
  type Survivors,
  stateOf,
  THE_END,
} from './moment.ts'
import type { Workload } from './workloads.ts'

export interface ExplorationOptions {
  readonly seed: number
  /** How many crashes in a row: 1 is the workload's, 2 one in the restart after it, and so on. */
  readonly depth: number
  /** How many states of a crash point in the workload are tried at most. */
  readonly statesPerPoint: number
  /** The same for crash points in a restart. */
  readonly statesPerRestartPoint: number
  /** Of so many states the restart of one is crashed. */
  readonly deeperEvery: number
  /** Whether restarts put redo off. Default false. */
  readonly deferRedo?: boolean
  /** Called between states; the rest is left when it resolves to false. */
  readonly goesOn?: () => Promise<boolean>
}

/** A state that was not restarted as it must be. */
export interface Violation {
  readonly workload: string
  readonly crashes: readonly CrashStep[]
  readonly problems: readonly string[]
}

export class Explorer {
  readonly coverage = new Coverage()
  readonly #options: ExplorationOptions
  readonly #random: Random
  /** Digests of the disks that were judged, with how many commits each had to hold. */
  readonly #judged = new Map<number, number>()
  #judge: Judge
  #workload: Workload | undefined
  #violation: Violation | undefined

  constructor(options: ExplorationOptions) {
    this.#options = options
    this.#judge = this.#newJudge(new Model())
    this.#random = randomFrom(options.seed)
  }

  /** Explores a workload; returns the first violation, if there is one. */
  async explore(workload: Workload): Promise<Violation | undefined> {
    const moments = await this.#run(workload)
    for (const moment of moments) await this.#exploreMoment(moment, this.#options.statesPerPoint)
    return this.#violation
  }

  /** Goes the way of a violation once more; returns it if it is still there. @throws when there is no such way */
  async retrace(workload: Workload, crashes: readonly CrashStep[]): Promise<Violation | undefined> {
    let moments = await this.#run(workload)
    for (const { point, survived } of crashes) {
      const moment = moments[point - 1]
      const survivors = moment === undefined ? undefined : this.#all(moment).find(({ label }) => label === survived)
      if (moment === undefined || survivors === undefined)
        throw new Error(`there is no crash point ${point}, ${survived}`)
      const state = stateOf(moment, survivors)
      moments = await this.#restart(state, state.crashes.length < crashes.length)
    }
    return this.#violation
  }

  #newJudge(model: Model): Judge {
    return new Judge(model, { deferRedo: this.#options.deferRedo ?? false })
  }

  /** Runs the workload to its end; returns a moment for each of its crash points. */
  async #run(workload: Workload): Promise<Moment[]> {
    const { before, run, onEmptyDisk = false, reopens = false } = workload
    this.#workload = workload
    const model = new Model()
    this.#judge = this.#newJudge(model)
    this.#judged.clear()
    const disk = onEmptyDisk ? new SimulatedFileSystem() : await newDisk()
    const recorder = new MomentRecorder(disk, { earlier: [], onlyKilled: true }, () => ({
      floors: { power: model.floor('power'), kill: model.floor('kill') },
      total: model.commits.length,
    }))
    recorder.isOn = before === undefined
    let lab = await openLab(recorder.fileSystem)
    // No client should wait for another. One that does would wait for ever if nobody moved the clock.
    if (before !== undefined) await drive(lab.runtime, before(lab, model))
    if (reopens) {
      await drive(lab.runtime, lab.db.close())
      lab = await openLab(recorder.fileSystem)
    }
    recorder.isOn = true
    await drive(lab.runtime, run(lab, model))
    recorder.record(THE_END)
    return recorder.moments
  }

  async #exploreMoment(moment: Moment, statesMax: number): Promise<void> {
    const place = placeOf(moment.before)
    const depth = moment.earlier.length + 1
    this.coverage.of(depth, place).points++
    for (const survivors of this.#choose(moment, statesMax)) {
      if (this.#violation !== undefined || (await this.#options.goesOn?.()) === false) return
      this.coverage.of(depth, place).states++
      const state = stateOf(moment, survivors)
      const floor = floorOf(state)
      const digest = state.disk.digest()
      if ((this.#judged.get(digest) ?? -1) >= floor) continue
      this.#judged.set(digest, floor)
      this.coverage.of(depth, place).distinct++
      await this.#exploreState(state)
    }
  }

  #choose(moment: Moment, max: number): Survivors[] {
    const [killed, none, ...others] = this.#all(moment)
    if (killed === undefined || none === undefined) return [KILLED]
    return [killed, none, ...spread(others, max, this.#options.seed + moment.point)]
  }

  /** All that may survive, the death of the process alone first, then nothing. */
  #all({ disk, point }: Moment): Survivors[] {
    if (disk.pendingChanges().length === 0) return [KILLED]
    return [KILLED, ...disk.crashStates({ seed: this.#options.seed + point })]
  }

  async #exploreState(state: State): Promise<void> {
    const { depth, deeperEvery, statesPerRestartPoint } = this.#options
    const goesDeeper = state.crashes.length < depth && this.#random() * deeperEvery < 1
    const moments = await this.#restart(state, goesDeeper)
    for (const moment of moments) await this.#exploreMoment(moment, statesPerRestartPoint)
  }

  /** Restarts a state and checks it; returns the crash points of the restart if they are wanted. */
  async #restart(state: State, recorded: boolean): Promise<Moment[]> {
    const { disk, crashes, onlyKilled } = state
    const recorder = new MomentRecorder(disk, { earlier: crashes, onlyKilled }, () => state)
    recorder.isOn = recorded
    const problems: string[] = []
    try {
      const bounds = { floor: floorOf(state), total: state.total }
      const restarted = (): void => {
        recorder.isOn = false
      }
      problems.push(...(await this.#judge.problemsOf(disk, recorded ? recorder.fileSystem : disk, bounds, restarted)))
    } catch (error) {
      problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    if (problems.length > 0) this.#violation ??= { workload: this.#workload?.name ?? '', crashes, problems }
    return recorder.moments
  }
}

/** A violation as text: the way to it, and what is wrong there. */
export function describeViolation({ workload, crashes, problems }: Violation): string {
  const way = crashes.map(
    ({ point, before, survived }, index) =>
      `  ${index === 0 ? 'crash' : 'then in the restart'} at point ${point}, before ${before}; survived: ${survived}`,
  )
  return [`workload: ${workload}`, ...way, ...problems].join('\n')
}
