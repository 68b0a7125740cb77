/**
 * The same damage with real files: a directory of its own, opened by its path with the file system, the
 * lock and the clock that users have. It must come out as it did in memory.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import { damagedDisk, judgeCase, type Violation } from './campaign.ts'
import { type Group, nameOf } from './cases.ts'
import { judge, type Verdict } from './judge.ts'
import { SPECIMEN_OPTIONS } from './specimen.ts'

/** Judges a case on the real disk and in memory; what is wrong, if anything. */
export async function judgeOnRealDisk(group: Group, index: number, deferRedo: boolean): Promise<Violation | undefined> {
  const inMemory = await judgeCase(group, index, false, deferRedo)
  const real = await judgeFiles(group, index, deferRedo)
  if (real.outcome === inMemory.outcome && real.why === inMemory.why && real.outcome !== 'violation') return undefined
  const why = `in a real directory ${real.outcome} ${real.why}, in memory ${inMemory.outcome} ${inMemory.why}`
  return { name: nameOf(group, index), why }
}

async function judgeFiles(group: Group, index: number, deferRedo: boolean): Promise<Verdict> {
  const { disk, allowance } = damagedDisk(group, index)
  const directory = mkdtempSync(join(tmpdir(), 'aries-damage-'))
  try {
    for (const name of disk.list()) writeFileSync(join(directory, name), disk.contentOf(name))
    const openFiles = (): Promise<Database> => open(directory, { ...SPECIMEN_OPTIONS, deferRedo })
    const { verdict, db } = await judge(disk, group.specimen, allowance, openFiles)
    await db?.close().catch((error: unknown) => {
      if (!AriesError.is(error)) throw error
    })
    return verdict
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
