/**
 * Power cuts of a mounted file system under clients at work, at a random moment each time, sometimes
 * during restart. After each one the file system is mounted anew, and the database goes on.
 *
 * One cut in so many, the process runs on over its dead disk instead of being killed: it must say that
 * the engine has stopped, and what it acknowledges meanwhile is judged like everything else.
 */
import { setTimeout } from 'node:timers/promises'
import { type Bench, type Case, type Outcome, STOPPED } from './case.ts'
import { type FileSystemKind, LoopDisk } from './disks.ts'
import { faultLibrary } from './fault-library.ts'
import type { LifeOptions, Patient, Trial } from './trial.ts'

const RESTART_SHARE = 0.15
const RUN_ON_SHARE = 0.1
const WORK_MS_MAX = 600
/** The time a restart is taken to need before one was seen. */
const RESTART_MS = 50
/** A disk that never syncs is found out by the first cuts, or not at all. */
const LYING_CUTS_MAX = 20

export function powerCuts(kind: FileSystemKind): Case {
  const programs = ['mount', `mkfs.${kind}`, 'xfs_io'] as const
  return {
    name: `power cut, ${kind}`,
    needs: { root: true, programs },
    runs: ({ cuts }) => cuts,
    run: async (bench) => {
      const { trial, disk } = prepare(bench, kind)
      let inRestart = 0
      let ranOn = 0
      await bench.repeat(trial, async () => {
        const runsOn = bench.isTimeFor(RUN_ON_SHARE)
        const patient = await cut(bench, trial, disk, runsOn ? { allowedErrors: STOPPED } : {}, runsOn)
        if (!patient.heard.has('opened')) inRestart++
        if (runsOn) ranOn++
      })
      if (!trial.isOver) await trial.finish()
      disk.unmount()
      const { restartsWithLoss, restoredPages } = trial.oracle.figures
      return {
        trial,
        notes: [
          `${inRestart} cuts in restart; ${ranOn} times the process ran on`,
          `${restartsWithLoss} restarts without commits acknowledged at lazy or none, ${restoredPages} torn pages restored`,
        ],
      }
    },
  }
}

/** The test of the test: without syncs acknowledged commits are lost, and the oracle has to notice. */
export const lyingSync: Case = {
  name: 'sync does nothing (to be noticed), ext4',
  needs: { root: true, programs: ['cc', 'mount', 'mkfs.ext4', 'xfs_io'] },
  runs: ({ cuts }) => Math.min(cuts, LYING_CUTS_MAX),
  run: async (bench): Promise<Outcome> => {
    const { trial, disk } = prepare(bench, 'ext4')
    const environment = { ...faultLibrary(bench.cleanup, trial.directory), DROP_SYNC: '1' }
    let cuts = 0
    await bench.repeat(trial, async (run) => {
      await cut(bench, trial, disk, { environment }, false)
      cuts = run
    })
    disk.unmount()
    const [noticed] = trial.oracle.violations.splice(0)
    if (noticed === undefined)
      trial.oracle.violations.push(`${cuts} power cuts without a sync, and nothing was noticed`)
    return { trial, notes: noticed === undefined ? [] : [`noticed after ${cuts} cuts: ${noticed.split('\n')[0]}`] }
  },
}

function prepare(bench: Bench, kind: FileSystemKind): { trial: Trial; disk: LoopDisk } {
  const disk = new LoopDisk(bench.cleanup, kind)
  disk.mount()
  return { trial: bench.trialIn(disk.directory), disk }
}

async function cut(
  bench: Bench,
  trial: Trial,
  disk: LoopDisk,
  options: LifeOptions,
  runsOn: boolean,
): Promise<Patient> {
  const inRestart = bench.isTimeFor(RESTART_SHARE)
  const restartMs = trial.oracle.figures.restartsMs.at(-1) ?? RESTART_MS
  const patient = await trial.live(async (patient) => {
    await patient.hears(inRestart ? 'opening' : 'opened', 'refused')
    await setTimeout(bench.draw(inRestart ? restartMs : WORK_MS_MAX))
    await patient.freeze()
    disk.cutPower()
    if (runsOn) {
      patient.thaw()
      await patient.ends()
    } else patient.kill()
    return 'power'
  }, options)
  if (runsOn && !patient.heard.has('failed') && !patient.heard.has('refused')) {
    trial.oracle.violations.push('the disk was dead, and the process did not notice (I28)')
  }
  disk.unmount()
  disk.mount()
  return patient
}
