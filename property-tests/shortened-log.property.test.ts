/**
 * Old bytes behind a shortened log never come back to life (I31): a batch of which a power cut kept only
 * later sectors, a restart, then fewer records than before, of the same lengths, so that the new end
 * often falls where an old record starts; and another power cut.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { type Lab, newDisk, openLab, problemsAfterRestart, readAll, tableOf } from './lab.ts'
import { Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 60
const VALUE_BYTES = 12

/** Commits of one small row each, all records of one length. */
async function commitRows(lab: Lab, model: Model, count: number, first: number, durability: Durability): Promise<void> {
  const table = tableOf(lab.db, 't')
  for (let i = 0; i < count; i++) {
    const tx = lab.db.begin()
    const key = keyOf(0, i)
    const value = contentOf(first + i, VALUE_BYTES)
    await tx.put(table, key, value)
    const commit = model.commit([{ kind: 'put', table: 't', key, value }], durability)
    await tx.commit({ durability })
    commit.acknowledged = true
  }
}

async function recover(disk: SimulatedFileSystem, model: Model): Promise<Lab> {
  const lab = await openLab(disk)
  expect(problemsAfterRestart(lab, disk)).toEqual([])
  model.recovered(await readAll(lab.db), model.floor('power'))
  return lab
}

const count = fc.integer({ min: 1, max: 40 })
const lives = fc.array(fc.record({ lost: count, seed: fc.nat(1_000_000), kept: fc.integer({ min: 1, max: 6 }) }), {
  minLength: 2,
  maxLength: 4,
})

describe('a log that has become shorter', () => {
  test(
    'never shows what it was before',
    async () => {
      const property = fc.asyncProperty(lives, fc.boolean(), async (steps, closesCleanly) => {
        const model = new Model()
        let disk = await newDisk()
        let lab = await recover(disk, model)
        await commitRows(lab, model, 40, 0, 'full')
        for (const [life, { lost, seed, kept }] of steps.entries()) {
          const serial = 1000 * (2 * life + 1)
          if (closesCleanly) {
            await lab.db.close()
            lab = await openLab(disk)
          }
          await commitRows(lab, model, lost, serial, 'lazy')
          disk = crashed(disk, disk.crash(seed))
          lab = await recover(disk, model)
          await commitRows(lab, model, kept, serial + 1000, 'full')
          disk = crashed(disk, disk.crash({ mode: 'none' }))
          lab = await recover(disk, model)
        }
      })
      await checkProperty(property, { numRuns: runsOf(RUNS) }, (steps) => JSON.stringify(steps))
    },
    TIMEOUT_MS,
  )
})

/** The disk after the crash; the engine on the old one comes to a halt. */
function crashed(old: SimulatedFileSystem, after: SimulatedFileSystem): SimulatedFileSystem {
  old.crashAfter(1)
  return after
}
