/**
 * An exercise, step by step on the real managers: the state that a crash has left, then every step of the restart,
 * and of the restarts after further crashes; or the rollback of one transaction. The known answers stand beside.
 */
import { AriesError } from '../../../../src/common/errors.ts'
import type { TraceEvent } from '../../../../src/common/trace.ts'
import { describeEvent } from '../../../../src/common/trace-text.ts'
import { buildDatabase } from '../../../../src/scenario/build.ts'
import { completeEpisode, logAfter } from '../../../../src/scenario/complete.ts'
import { recover } from '../../../../src/scenario/recover.ts'
import { initialPages, replay, runRollback } from '../../../../src/scenario/replay.ts'
import type {
  InvalidScenario,
  Pages,
  RestartScenario,
  RollbackScenario,
  Scenario,
  ScenarioRecord,
  TruncationScenario,
  WholeEpisode,
} from '../../../../src/scenario/scenario.ts'
import { changesBetween } from './changes.ts'
import { answersOf } from './scenario-answers.ts'
import { type Run, ScenarioState } from './scenario-state.ts'
import type { Changes, EngineState, RestartView, Session, Step } from './types.ts'
import { passesTelling } from './watched-passes.ts'
import { namedSentence, referenceOf, titleOf } from './words.ts'

/** Runs the exercise. Never rejects: a restart that fails is a step that says so. */
export async function runScenario(scenario: Scenario): Promise<Session> {
  const { id, title } = scenario
  const result = replay(scenario)
  const told = new ScenarioSteps()
  if (result.verdict !== 'not-applicable') told.run(scenario)
  return {
    kind: 'scenario',
    title: `${id}  ${title}`.trim(),
    steps: told.steps,
    actions: [],
    restarts: told.restarts,
    answers: result.verdict === 'not-applicable' ? [] : answersOf(scenario, result, told.restarts, told.steps),
    note: result.note,
  }
}

const NO_CHANGES: Changes = { log: [], transactions: [], dirtyPages: [], pool: [], disk: [] }

class ScenarioSteps {
  readonly steps: Step[] = []
  readonly restarts: RestartView[] = []

  run(scenario: Scenario): void {
    if (scenario.kind === 'rollback') this.#rollback(scenario)
    else if (scenario.kind === 'invalid') this.#refusal(scenario, 0, scenario.log, scenario.invalid.disk)
    else if (scenario.kind === 'truncation') this.#truncation(scenario)
    else this.#restarts(scenario)
  }

  #restarts(scenario: RestartScenario): void {
    let { log } = scenario
    for (const [index, given] of scenario.episodes.entries()) {
      try {
        const episode = completeEpisode(scenario, given, log)
        this.#restart(scenario, episode, index, log)
        log = logAfter(episode, log)
      } catch (error) {
        // What follows an attempt that has failed has no log to start from.
        if (AriesError.is(error)) this.#refusal(scenario, index, log, given.disk)
        else this.#failed(String(error))
        return
      }
    }
  }

  #restart(scenario: RestartScenario, episode: WholeEpisode, index: number, log: readonly ScenarioRecord[]): void {
    const { analysis, undo } = episode.expected
    const first = buildDatabase(scenario, log, episode.disk)
    const run: Run = {
      scenario,
      log,
      disk: episode.disk,
      built: first,
      seen: recover(first.store),
      listed: [...analysis.appended, ...(undo?.appended ?? [])],
    }
    const state = new ScenarioState(run, 'crashed')
    this.#crash(scenario, index, log, state)
    const isCut = scenario.partialRedoEpisode0 && index === 0
    const lastRedo = isCut ? lastRedoLsnOf(episode) : Number.POSITIVE_INFINITY
    let isOver = false
    const watch = (event: TraceEvent): void => {
      if (!isOver) this.#take(event, state)
      if (isRedoOf(event) && (state.lsnOf(event.lsn) ?? 0) >= lastRedo) isOver = true
    }
    const again = buildDatabase(scenario, log, episode.disk).store
    recover(
      again,
      passesTelling((engine) => state.assembled(engine)),
      watch,
    )
    if (episode.crash === null) this.#push('opened', 'restart is complete', OVER, state.state('running'))
    this.#endRestart()
  }

  #crash(scenario: Scenario, index: number, log: readonly ScenarioRecord[], state: ScenarioState): void {
    this.#push('crash', crashTitle(index), crashSentence(scenario, index, log), state.state())
    const crashStep = this.steps.length - 1
    this.restarts.push({ crashStep, transactions: [], dirtyPages: [], lastStep: crashStep })
  }

  #take(event: TraceEvent, state: ScenarioState): void {
    const title = titleOf(event, state.spoken)
    state.take(event)
    if (title === undefined) return
    if (event.kind === 'analysed' && event.type === 'flush-marker') return
    const isOwn = 'lsn' in event && state.isOwn(event.lsn)
    if (isOwn && event.kind !== 'analysed') return
    const sentence = namedSentence(describeEvent(state.inTerms(event)), state.spoken)
    if (isOwn) {
      this.#mergeInto(sentence, state.state())
      return
    }
    const isRestart = state.state().phase !== 'running'
    const reference = referenceOf(event.kind, 'type' in event ? event.type : undefined, isRestart)
    this.#push(
      event.kind,
      title,
      sentence,
      state.state(),
      reference,
      'lsn' in event ? state.lsnOf(event.lsn) : undefined,
    )
    if (event.kind === 'analysis') {
      const { number, state: after } = this.steps.at(-1) as Step
      this.#amendRestart({ analysisStep: number, transactions: after.transactions, dirtyPages: after.dirtyPages })
    }
  }

  /** Tables that our checkpoint spreads over several records are one record of the exercise. */
  #mergeInto(sentence: string, state: EngineState): void {
    const last = this.steps.at(-1)
    // What stands before the first record of the exercise is a place for an LSN, and no record.
    if (last?.kind !== 'analysed') return
    const before = this.steps.at(-2)?.state ?? state
    const rest = sentence.replace(/^.*?: /, '')
    const isSilent = rest.startsWith('the tables stay')
    const wasSilent = last.sentence.includes('the tables stay')
    const sentenceOfBoth = isSilent
      ? last.sentence
      : wasSilent
        ? last.sentence.replace('the tables stay as they are.', rest)
        : `${last.sentence.replace(/\.$/, '')}; ${rest}`
    this.steps[last.number] = { ...last, sentence: sentenceOfBoth, state, changed: changesBetween(before, state) }
  }

  #endRestart(): void {
    this.#amendRestart({ lastStep: this.steps.length - 1 })
  }

  #amendRestart(change: Partial<RestartView>): void {
    const last = this.restarts.at(-1)
    if (last !== undefined) this.restarts[this.restarts.length - 1] = { ...last, ...change }
  }

  #rollback(scenario: RollbackScenario): void {
    const { built, seen } = runRollback(scenario)
    const { rollback, log } = scenario
    const run: Run = { scenario, log, disk: initialPages(scenario), built, seen, listed: rollback.appended }
    const state = new ScenarioState(run, 'running')
    const begin = (): void => {
      if (this.steps.length === 0) this.#push('start', 'before the rollback', beforeRollback(scenario), state.state())
    }
    const passes = passesTelling((engine) => {
      state.assembled(engine)
      // A CLR is told by what it undoes; nothing else tells of ABORT and END.
      const listener = (event: TraceEvent): void => {
        if (event.kind === 'appended' && event.type !== 'clr') this.#take(event, state)
      }
      engine.log.tracer = { listener }
    }, begin)
    runRollback(scenario, passes, (event) => this.#take(event, state))
    this.#push('done', 'the rollback is complete', 'What is to be undone is undone.', state.state())
  }

  /** A restart up to where the engine refuses to go on. */
  #refusal(
    scenario: RestartScenario | InvalidScenario,
    index: number,
    log: readonly ScenarioRecord[],
    disk: Pages,
  ): void {
    const built = buildDatabase(scenario, log, disk)
    const run: Run = { scenario, log, disk, built, seen: undefined, listed: [] }
    const state = new ScenarioState(run, 'crashed')
    this.#crash(scenario, index, log, state)
    try {
      recover(
        built.store,
        passesTelling((engine) => state.assembled(engine)),
        (event) => this.#take(event, state),
      )
      this.#endRestart()
    } catch (error) {
      this.#failed(AriesError.is(error) ? state.refusal(error) : String(error))
    }
  }

  #truncation(scenario: TruncationScenario): void {
    const built = buildDatabase(scenario, scenario.log, {})
    const run: Run = { scenario, log: scenario.log, disk: {}, built, seen: undefined, listed: [] }
    const state = new ScenarioState(run, 'running').state()
    for (const [index, wanted] of scenario.truncation.cases.entries()) {
      const transactions = Object.entries(wanted.att).map(([name, { firstLsn }], i) => ({
        txnId: i + 1,
        name,
        // The table has no column for it: what a rollback needs last of all is asked for here alone.
        status: firstLsn === null ? 'running' : `running, first LSN ${firstLsn}`,
      }))
      const dirtyPages = Object.entries(wanted.dpt).map(([page, recLsn], i) => ({ pageId: i + 1, page, recLsn }))
      const sentence = `A checkpoint begins at LSN ${wanted.checkpointBegin}. The log is needed from the oldest of this LSN, the recLSNs, and the first LSNs of the transactions: from LSN ${wanted.lowWaterLsn}.`
      this.#push('checkpoint', `case ${index + 1}`, sentence, { ...state, transactions, dirtyPages })
    }
  }

  /** The restart ends here, which can be the very answer. */
  #failed(sentence: string): void {
    const state = this.steps.at(-1)?.state
    if (state === undefined) throw new Error(sentence)
    this.#push('failed', 'restart is refused', sentence, state)
    this.#endRestart()
  }

  #push(
    kind: string,
    title: string,
    sentence: string,
    state: EngineState,
    reference = referenceOf(kind),
    lsn?: number,
  ): void {
    const before = this.steps.at(-1)?.state
    this.steps.push({
      number: this.steps.length,
      actionIndex: -1,
      kind,
      title,
      sentence,
      reference,
      lsn,
      changed: before === undefined ? NO_CHANGES : changesBetween(before, state),
      state,
      pendingWrites: [],
    })
  }
}

const OVER =
  'Restart is complete: who had committed has everything, who had not has nothing, and the database can be used.'

const isRedoOf = (event: TraceEvent): event is Extract<TraceEvent, { kind: 'redone' | 'redo-skipped' }> =>
  event.kind === 'redone' || event.kind === 'redo-skipped'

/** The last record to which an attempt that dies in redo has come. */
function lastRedoLsnOf({ expected: { redo } }: WholeEpisode): number {
  return Math.max(...(redo?.redone ?? []), ...(redo?.skipped ?? []).map(({ lsn }) => lsn))
}

const crashTitle = (index: number): string => (index === 0 ? 'after the crash' : `after crash ${index + 1}`)

function crashSentence(scenario: Scenario, index: number, log: readonly ScenarioRecord[]): string {
  const last = log.at(-1)
  const found = last === undefined ? 'an empty log' : `a log that is durable up to LSN ${last.lsn}`
  const start =
    scenario.masterLsn === null ? '' : ` The master record names the checkpoint at LSN ${scenario.masterLsn}.`
  const what = index === 0 ? 'The crash has left' : 'A further crash, in the middle of the restart, has left'
  return `${what} ${found}, and the pages on disk.${start} Everything that was in memory is gone.`
}

function beforeRollback({ rollback: { txn, toLsn } }: RollbackScenario): string {
  const how = toLsn === null ? 'is rolled back' : `is rolled back to its savepoint at LSN ${toLsn}`
  return `No crash: transaction ${txn} ${how} in normal processing.`
}
