/**
 * Faults in the system calls of a real process, at the n-th call for each n from 1 on: a sync that
 * fails, a write of which a part is done and the process dies. The first ones strike in the restart
 * after the fault before, the later ones at work. What was written stays, as when a process is killed.
 * Before the writes there is a life without a fault: to make the files of a database takes hundreds of them.
 */
import { setTimeout } from 'node:timers/promises'
import { type Case, STOPPED } from './case.ts'
import { faultLibrary } from './fault-library.ts'
import { killSoon } from './kill-loop.ts'
import { countsOf } from './report.ts'

/** These are quick, and it takes many calls to get out of restart. */
const CALLS_A_FAULT = 3
/** In this time the n-th sync comes; an engine that goes on after it is closed then. */
const WORK_MS = 1_500
const WHOLE_LIFE_MS = 200
const SECTOR_BYTES = 512
const TORN_SECTORS_MAX = 16
const DEAD = 137

export const nthSyncFails: Case = {
  name: 'n-th sync fails, n = 1, 2, ...',
  needs: { root: false, programs: ['cc'] },
  runs: ({ faults }) => CALLS_A_FAULT * faults,
  run: async (bench) => {
    const trial = bench.trialIn(bench.cleanup.temporaryDirectory())
    const environment = faultLibrary(bench.cleanup, trial.directory)
    let inRestart = 0
    let survived = 0
    await bench.repeat(trial, async (n) => {
      const patient = await trial.live(
        async (patient) => {
          await Promise.race([patient.hears('failed', 'refused'), setTimeout(WORK_MS)])
          patient.askToClose()
          await patient.ends()
          return 'kill'
        },
        { environment: { ...environment, FAIL_SYNC_AT: String(n) }, allowedErrors: STOPPED },
      )
      if (patient.heard.has('refused')) inRestart++
      else if (!patient.heard.has('failed')) survived++
    })
    if (!trial.isOver) await trial.finish()
    return {
      trial,
      notes: [
        `${inRestart} in open; ${survived} survived, of a segment that was being recycled or made`,
        `errors: ${countsOf(trial.oracle.figures.errors)}`,
      ],
    }
  },
}

export const nthWriteTorn: Case = {
  name: 'n-th write torn, n = 1, 2, ...',
  needs: { root: false, programs: ['cc'] },
  runs: ({ faults }) => CALLS_A_FAULT * faults,
  run: async (bench) => {
    const trial = bench.trialIn(bench.cleanup.temporaryDirectory())
    const environment = faultLibrary(bench.cleanup, trial.directory)
    await trial.live(async (patient) => {
      await killSoon(patient, 'opened', WHOLE_LIFE_MS)
      return 'kill'
    })
    let inRestart = 0
    await bench.repeat(trial, async (n) => {
      const bytes = SECTOR_BYTES * Math.floor(bench.draw(TORN_SECTORS_MAX))
      const patient = await trial.live(
        async (patient) => {
          await patient.ends()
          return 'kill'
        },
        { environment: { ...environment, TEAR_AT: String(n), TEAR_BYTES: String(bytes) }, suicideCode: DEAD },
      )
      if (!patient.heard.has('opened')) inRestart++
    })
    if (!trial.isOver) await trial.finish()
    return { trial, notes: [`${inRestart} in open; ${trial.oracle.figures.restoredPages} torn pages restored`] }
  },
}
