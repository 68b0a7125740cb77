/**
 * A small file system in memory that is stuffed under clients at work: all its room, or all its inodes,
 * are taken by something else. Operations may be refused then, with errors that say so; what was
 * acknowledged stays. When there is room again, an engine that had not stopped closes cleanly; one that
 * was killed meanwhile, or could not be opened, opens.
 */
import { setTimeout } from 'node:timers/promises'
import type { Bench, Case } from './case.ts'
import { Tmpfs } from './disks.ts'
import { countsOf } from './report.ts'
import type { Patient, Trial } from './trial.ts'

const WORK_MS_MAX = 300
/** How long clients work, or try to, with no room. */
const FULL_MS = 300
/** Room for many times what the clients keep, and inodes for some more segments than they need. */
const ROOM = 'size=64m,nr_inodes=48'
const ALLOWED = ['DISK_FULL', 'DB_FAILED', 'TX_OUTCOME_UNKNOWN']

export const fullDisk = stuffed('disk full, tmpfs', (disk) => disk.takeRoom())
export const noInodes = stuffed('no inodes, tmpfs', (disk) => disk.takeInodes())

type Stuff = (disk: Tmpfs) => void

function stuffed(name: string, stuff: Stuff): Case {
  return {
    name,
    needs: { root: true, programs: ['mount'] },
    runs: ({ faults }) => faults,
    run: async (bench) => {
      const disk = new Tmpfs(bench.cleanup, ROOM)
      const trial = bench.trialIn(disk.directory)
      const counts = { met: 0, stopped: 0, refused: 0 }
      await bench.repeat(trial, async (run) => {
        const once = run % 2 === 0 ? stuffAndKill : stuffAndMakeRoom
        await once(bench, trial, disk, stuff, counts)
      })
      if (!trial.isOver) await trial.finish()
      disk.unmount()
      const { met, stopped, refused } = counts
      return {
        trial,
        notes: [
          `${met} processes had operations refused, ${stopped} engines stopped, ${refused} could not be opened meanwhile`,
          `errors: ${countsOf(trial.oracle.figures.errors)}`,
        ],
      }
    },
  }
}

interface Counts {
  met: number
  stopped: number
  refused: number
}

/** The disk fills up under the clients, and is emptied again under them. */
async function stuffAndMakeRoom(bench: Bench, trial: Trial, disk: Tmpfs, stuff: Stuff, counts: Counts): Promise<void> {
  const patient = await trial.live(
    async (patient) => {
      await patient.hears('opened', 'refused')
      await setTimeout(bench.draw(WORK_MS_MAX))
      stuff(disk)
      await setTimeout(FULL_MS)
      disk.makeRoom()
      await setTimeout(bench.draw(WORK_MS_MAX))
      patient.askToClose()
      await patient.ends()
      return 'kill'
    },
    { allowedErrors: ALLOWED },
  )
  note(patient, counts)
  if (!patient.heard.has('failed') && !patient.heard.has('closed')) {
    trial.oracle.violations.push('there was room again, and the database could not be closed')
  }
}

/** The disk fills up, the process is killed, and the next one meets a full disk in restart. */
async function stuffAndKill(bench: Bench, trial: Trial, disk: Tmpfs, stuff: Stuff, counts: Counts): Promise<void> {
  for (const isFirst of [true, false]) {
    const patient = await trial.live(
      async (patient) => {
        await patient.hears('opened', 'refused')
        await setTimeout(bench.draw(WORK_MS_MAX))
        if (isFirst) stuff(disk)
        await setTimeout(bench.draw(FULL_MS))
        patient.kill()
        return 'kill'
      },
      { allowedErrors: ALLOWED },
    )
    note(patient, counts)
  }
  disk.makeRoom()
}

function note({ heard }: Patient, counts: Counts): void {
  if (heard.has('full')) counts.met++
  if (heard.has('failed')) counts.stopped++
  if (heard.has('refused')) counts.refused++
}
