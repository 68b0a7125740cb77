/**
 * A disk whose writes begin to fail under clients at work: a sync reports it once, and then, wrongly,
 * success, for the system has thrown away what it could not write. The engine has to stop at the first
 * report, and stays stopped when the disk works again. Once it is mounted anew, all that was
 * acknowledged is there.
 */
import { setTimeout } from 'node:timers/promises'
import type { CrashKind } from '../model.ts'
import { type Case, STOPPED } from './case.ts'
import { FailingDisk, type FileSystemKind } from './disks.ts'
import { countsOf } from './report.ts'
import type { Patient } from './trial.ts'

const WORK_MS_MAX = 400
/** The disk fails from the beginning of restart on in this share of the runs. */
const RESTART_SHARE = 0.2
/** The disk works again as soon as the failure was noticed in this share of the runs. */
const RECOVERING_SHARE = 0.5

export function failingSyncs(kind: FileSystemKind): Case {
  return {
    name: `failing disk, ${kind}`,
    needs: { root: true, programs: ['mount', 'losetup', `mkfs.${kind}`, 'nbdkit', 'nbdfuse'] },
    runs: ({ faults }) => faults,
    run: async (bench) => {
      const disk = new FailingDisk(bench.cleanup, kind)
      const trial = bench.trialIn(disk.directory)
      let inRestart = 0
      await bench.repeat(trial, async () => {
        await disk.mount()
        const isEarly = bench.isTimeFor(RESTART_SHARE)
        const recovers = bench.isTimeFor(RECOVERING_SHARE)
        const act = async (patient: Patient): Promise<CrashKind> => {
          await patient.hears(isEarly ? 'opening' : 'opened')
          await setTimeout(isEarly ? 0 : bench.draw(WORK_MS_MAX))
          disk.setFailing(true)
          await patient.hears('failed', 'refused')
          if (recovers) disk.setFailing(false)
          await patient.ends()
          return 'power'
        }
        const patient = await trial.live(act, { allowedErrors: STOPPED })
        if (patient.heard.has('refused')) inRestart++
        await disk.detach()
      })
      await disk.mount()
      if (!trial.isOver) await trial.finish()
      await disk.detach()
      const { errors, restartsWithLoss } = trial.oracle.figures
      return {
        trial,
        notes: [
          `${inRestart} times open failed; errors: ${countsOf(errors)}`,
          `${restartsWithLoss} restarts without commits acknowledged at lazy or none`,
        ],
      }
    },
  }
}
