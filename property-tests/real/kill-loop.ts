/**
 * Kills a working process over and over, at a random moment each time, on one database: at work, during
 * restart, and now and then not at all, so that it closes. What the process had written, the system
 * still has: this is a test of restart and of the order of writes, not of syncs.
 */
import { setTimeout } from 'node:timers/promises'
import { type Random, randomBelow } from '../../src/common/random.ts'
import type { Patient, Trial } from './trial.ts'

export interface KillOptions {
  readonly cycles: number
  /** The longest time between restart and kill. */
  readonly workMsMax: number
  readonly random: Random
  readonly onCycle: (cycle: number) => void
}

/** How the lives ended. */
export interface KillFigures {
  atWork: number
  inRestart: number
  closed: number
}

const RESTART_SHARE = 0.2
const CLOSE_SHARE = 0.05
/** The time from `opening` to `opened` that is taken for a first guess. */
const RESTART_MS = 30

/** Until all cycles are done or one shows a violation. */
export async function killLoop(trial: Trial, options: KillOptions): Promise<KillFigures> {
  const figures: KillFigures = { atWork: 0, inRestart: 0, closed: 0 }
  for (let cycle = 1; cycle <= options.cycles && !trial.isOver; cycle++) {
    const kind = options.random()
    const restartMs = trial.oracle.figures.restartsMs.at(-1) ?? RESTART_MS
    const patient = await trial.live(async (patient) => {
      if (kind < RESTART_SHARE) await killSoon(patient, 'opening', options.random() * restartMs)
      else if (kind < RESTART_SHARE + CLOSE_SHARE)
        await closeSoon(patient, randomBelow(options.random, options.workMsMax))
      else await killSoon(patient, 'opened', randomBelow(options.random, options.workMsMax))
      return 'kill'
    })
    if (patient.heard.has('closed')) figures.closed++
    else if (patient.heard.has('opened')) figures.atWork++
    else figures.inRestart++
    options.onCycle(cycle)
  }
  return figures
}

/** Kills it so long after this moment. */
export async function killSoon(patient: Patient, moment: 'opening' | 'opened', afterMs: number): Promise<void> {
  await patient.hears(moment, 'refused')
  await setTimeout(afterMs)
  patient.kill()
}

async function closeSoon(patient: Patient, afterMs: number): Promise<void> {
  await patient.hears('opened', 'refused')
  await setTimeout(afterMs)
  patient.askToClose()
  await patient.hears('closed', 'failed')
}
