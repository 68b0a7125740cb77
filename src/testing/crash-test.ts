/**
 * The crash test: a program that uses the database is stopped at every change it makes to the disk, the
 * database is reopened on what the disk may then hold, and the program's own invariant is checked.
 *
 *   for each crash point, from early to late
 *     run the workload from the start on a copy of the base disk, and stop it there
 *     for some of the states that a process kill or a power cut can leave
 *       reopen, let the application restart, check the invariant
 *     for one of them
 *       crash the restart too, at a few points, and check again
 *
 * Everything is drawn from one seed, so that a run can be repeated.
 */
import { randomFrom } from '../common/random.ts'
import { type CrashCase, type Cut, parseCase } from './crash-case.ts'
import { chooseCrashPoints, spread } from './crash-points.ts'
import { CrashTestFailure } from './failure.ts'
import { type CrashTestFigures, type CrashTestOptions, type CrashTestSettings, crashTestSettingsOf } from './options.ts'
import { drawPersisted } from './persisted.ts'
import { type Moment, Runner, type Verdict, type Violation } from './runner.ts'
import { shrink } from './shrink.ts'

/** At how many points the restart after a crash is crashed. */
const RESTART_CRASH_POINTS = 3

/**
 * Runs `workload` under crash and checks `invariant` after each. Resolves with what was tried when the
 * invariant always held. Works in any test framework: it only rejects.
 *
 * @throws CrashTestFailure when the invariant does not hold after some crash, or the database cannot be
 *   opened; an `Error` when setup or workload fail without any crash, or when two runs of the workload
 *   differ; `INVALID_ARGUMENT`
 */
export async function crashTest<Acknowledged = unknown, World = undefined>(
  options: CrashTestOptions<Acknowledged, World>,
): Promise<CrashTestFigures> {
  return crashTestWith(options, crashTestSettingsOf(options))
}

/** The same with settings that no user has: the labs of the course open databases with a student's restart. */
export async function crashTestWith<Acknowledged, World>(
  options: CrashTestOptions<Acknowledged, World>,
  settings: CrashTestSettings,
): Promise<CrashTestFigures> {
  if (options.replay !== undefined) return replayed(options, settings, parseCase(options.replay))
  return new Exploration(options, settings, await Runner.start(options, settings)).run()
}

async function replayed<A, W>(
  options: CrashTestOptions<A, W>,
  settings: CrashTestSettings,
  found: CrashCase,
): Promise<CrashTestFigures> {
  const runner = await Runner.start(options, { ...settings, seed: found.seed })
  const { mutations } = await runner.rehearse()
  runner.records = true
  const verdict = await runner.runCase(found.cuts)
  const figures: CrashTestFigures = {
    crashPoints: 1,
    crashPointsPossible: mutations.length + 1,
    states: 1,
    statesAfterCrashedRestart: found.cuts.length - 1,
    processes: runner.processes,
  }
  if (verdict.violation !== undefined) throw new CrashTestFailure(found, verdict.violation, verdict, figures)
  return figures
}

class Exploration<Acknowledged, World> {
  readonly #options: CrashTestOptions<Acknowledged, World>
  readonly #settings: CrashTestSettings
  readonly #runner: Runner<Acknowledged, World>
  #crashPoints = 0
  #crashPointsPossible = 0
  #states = 0
  #statesAfterCrashedRestart = 0
  /** The crash points that have not been tried in all their states. */
  #untried = new Set<number>()

  constructor(
    options: CrashTestOptions<Acknowledged, World>,
    settings: CrashTestSettings,
    runner: Runner<Acknowledged, World>,
  ) {
    this.#options = options
    this.#settings = settings
    this.#runner = runner
  }

  async run(): Promise<CrashTestFigures> {
    const { maxCrashPoints, seed } = this.#settings
    const rehearsal = await this.#runner.rehearse()
    const points = chooseCrashPoints(rehearsal, maxCrashPoints, seed)
    this.#crashPointsPossible = rehearsal.mutations.length + 1
    this.#untried = new Set(Array.from({ length: this.#crashPointsPossible }, (_, index) => index + 1))
    for (const point of points) {
      this.#crashPoints++
      await this.#crashAt(point)
      this.#untried.delete(point)
      this.#options.onProgress?.(this.#figures())
    }
    return this.#figures()
  }

  async #crashAt(point: number): Promise<void> {
    const { statesPerCrashPoint, alsoCrashRecovery } = this.#settings
    const moment = await this.#runner.crashWorkload(point)
    const seed = this.#seedOf(point)
    const states = drawPersisted(moment.pending, statesPerCrashPoint, seed)
    const chosen = Math.floor(randomFrom(seed)() * states.length)
    for (const [index, persisted] of states.entries()) {
      const cut = { at: point, persisted }
      const verdict = await this.#judge(moment, cut)
      if (alsoCrashRecovery && index === chosen) await this.#crashRestarts(moment, cut, verdict.restartMutations)
    }
  }

  /** Crashes the restart after `cut` at a few of its changes, each time with one state. */
  async #crashRestarts(moment: Moment<Acknowledged, World>, cut: Cut, mutations: number): Promise<void> {
    const seed = this.#seedOf(cut.at + 0.5)
    const points = Array.from({ length: mutations }, (_, index) => index + 1)
    for (const at of spread(points, RESTART_CRASH_POINTS, seed)) {
      const next = await this.#runner.crashRestart(moment, cut, at)
      const states = drawPersisted(next.pending, this.#settings.statesPerCrashPoint, seed + at)
      const persisted = states[at % states.length]
      if (persisted === undefined) continue
      this.#statesAfterCrashedRestart++
      await this.#judge(next, { at, persisted })
    }
  }

  async #judge(moment: Moment<Acknowledged, World>, cut: Cut): Promise<Verdict> {
    this.#states++
    const verdict = await this.#runner.judge(moment, cut)
    if (verdict.violation !== undefined) throw await this.#failure([...moment.earlier, cut], verdict, verdict.violation)
    return verdict
  }

  /**
   * The failure for a case that violates the invariant: the case made simpler, and run once more to tell of it.
   * Where runs differ in what they write, that run may hold: then it is the case as it was found.
   */
  async #failure(found: readonly Cut[], first: Verdict, violation: Violation): Promise<CrashTestFailure> {
    const { seed } = this.#settings
    const figures = this.#figures()
    const cuts = await shrink(found, [...this.#untried], async (trial) => (await this.#again(trial)) !== undefined)
    this.#runner.records = true
    const verdict = await this.#again(cuts)
    if (verdict?.violation === undefined) {
      return new CrashTestFailure({ seed, cuts: found }, violation, first, figures, 'not repeatable')
    }
    return new CrashTestFailure({ seed, cuts }, verdict.violation, verdict, figures)
  }

  /** How a case does in another run, if it violates the invariant there; one that goes otherwise does not. */
  async #again(cuts: readonly Cut[]): Promise<Verdict | undefined> {
    try {
      const verdict = await this.#runner.runCase(cuts)
      return verdict.violation === undefined ? undefined : verdict
    } catch {
      return undefined
    }
  }

  #seedOf(point: number): number {
    return Math.imul(this.#settings.seed, 0x9e37_79b1) ^ Math.imul(point * 2, 0x85eb_ca6b)
  }

  #figures(): CrashTestFigures {
    return {
      crashPoints: this.#crashPoints,
      crashPointsPossible: this.#crashPointsPossible,
      states: this.#states,
      statesAfterCrashedRestart: this.#statesAfterCrashedRestart,
      processes: this.#runner.processes,
    }
  }
}
