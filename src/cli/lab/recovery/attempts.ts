/** The attempts to restart of the golden scenarios, each with the state that it begins from. */
import { completeEpisode, logAfter } from '../../../scenario/complete.ts'
import type { RestartScenario, Scenario, ScenarioRecord, WholeEpisode } from '../../../scenario/scenario.ts'

export interface Attempt {
  readonly scenario: RestartScenario
  readonly episode: WholeEpisode
  /** Durable when the attempt begins. */
  readonly log: readonly ScenarioRecord[]
  /** As in `S02, second attempt`. */
  readonly name: string
}

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth']

export function attemptsOf(scenario: RestartScenario): Attempt[] {
  const { id, episodes } = scenario
  let { log } = scenario
  return episodes.map((given, index) => {
    const episode = completeEpisode(scenario, given, log)
    const name = episodes.length === 1 ? id : `${id}, ${ORDINALS[index]} attempt`
    const attempt = { scenario, episode, log, name }
    log = logAfter(episode, log)
    return attempt
  })
}

/** What can be replayed on this engine, and is a restart. */
export const isRestart = (scenario: Scenario): scenario is RestartScenario =>
  (scenario.kind === 'restart' || scenario.kind === 'restart-analysis') && !scenario.variant.allocRecords
