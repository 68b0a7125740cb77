/**
 * A file system that is mounted read-only between two processes. After a clean close the database can be
 * read, and whoever writes is told that he cannot; after a kill it cannot be opened, for restart would
 * have to write. Mounted for writing again, everything is there.
 */
import { setTimeout } from 'node:timers/promises'
import type { Bench, Case } from './case.ts'
import { LoopDisk } from './disks.ts'
import type { Trial } from './trial.ts'

const WORK_MS_MAX = 300
const READ_ONLY = ['DB_READ_ONLY']

export const readOnly: Case = {
  name: 'mounted read-only, ext4',
  needs: { root: true, programs: ['mount', 'mkfs.ext4'] },
  runs: ({ faults }) => faults,
  run: async (bench) => {
    const disk = new LoopDisk(bench.cleanup, 'ext4')
    disk.mount()
    const trial = bench.trialIn(disk.directory)
    let closed = 0
    await bench.repeat(trial, async (run) => {
      const isClosed = run % 2 === 0
      await work(bench, trial, isClosed)
      disk.remount('ro')
      await meetReadOnly(trial, isClosed)
      disk.remount('rw')
      if (isClosed) closed++
    })
    if (!trial.isOver) await trial.finish()
    disk.unmount()
    return { trial, notes: [`${closed} times after a clean close, else after a kill`] }
  },
}

async function work(bench: Bench, trial: Trial, closes: boolean): Promise<void> {
  await trial.live(async (patient) => {
    await patient.hears('opened', 'refused')
    await setTimeout(bench.draw(WORK_MS_MAX))
    // Something to recover, for who is killed.
    await patient.hears('kept')
    if (closes) patient.askToClose()
    else patient.kill()
    await patient.ends()
    return 'kill'
  })
}

async function meetReadOnly(trial: Trial, wasClosed: boolean): Promise<void> {
  const { figures, violations } = trial.oracle
  const asked = figures.asked
  const patient = await trial.live(
    async (patient) => {
      await patient.hears(wasClosed ? 'failed' : 'opened', 'refused')
      patient.askToClose()
      await patient.ends()
      return 'kill'
    },
    { allowedErrors: READ_ONLY },
  )
  if (wasClosed && !patient.heard.has('failed')) violations.push('closed cleanly, but could not be read')
  if (!wasClosed && !patient.heard.has('refused')) violations.push('opened without the restart that was needed')
  if (figures.asked > asked) violations.push('a transaction changed something on a read-only medium')
}
