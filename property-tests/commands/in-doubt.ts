/**
 * What must hold of the transactions in doubt that a restart or a clean open has left: each has its locks
 * again (I36), and either outcome would be right (I37).
 */
import { CATALOG_TREE } from '../../src/btree/catalog.ts'
import type { PageId } from '../../src/common/ids.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { drive, type Lab, type Options, openLab, readAll } from '../lab.ts'
import { type Effect, firstDifference, type Model } from '../model.ts'

/** `lab` has just been opened on `disk`, and the model has taken what was found. */
export async function problemsOfInDoubt(
  lab: Lab,
  disk: SimulatedFileSystem,
  options: Options,
  model: Model,
): Promise<string[]> {
  const names = lab.db.inDoubt().map(({ name }) => name)
  if (names.length === 0) return []
  const unlocked = names.flatMap((name) => unlockedOf(lab, model.effectsOf(name)))
  return [
    ...unlocked.map((what) => `in doubt, and not locked: ${what} (I36)`),
    ...(await problemsAfter('commit', disk, options, model)),
    ...(await problemsAfter('abort', disk, options, model)),
  ]
}

/** Which of these effects are of keys and tables that nobody has locked. */
function unlockedOf({ managers: { locks, catalog } }: Lab, effects: readonly Effect[]): string[] {
  const isLocked = (tree: PageId, key: Uint8Array): boolean => locks.isLocked(tree, key, 0, key.length)
  return effects.flatMap((effect) => {
    const tree = catalog.find(effect.table)
    if (!isLocked(CATALOG_TREE, catalog.keyOf(effect.table))) return [effect.table]
    if (tree === undefined || !('key' in effect) || isLocked(tree, new TextEncoder().encode(effect.key))) return []
    return [`${effect.table} ${effect.key}`]
  })
}

/** Gives all that is in doubt this outcome, on a copy of the disk. */
async function problemsAfter(
  outcome: 'commit' | 'abort',
  disk: SimulatedFileSystem,
  options: Options,
  model: Model,
): Promise<string[]> {
  const { db, runtime } = await openLab(disk.crash({ mode: 'kill' }), options)
  for (const inDoubt of db.inDoubt()) await drive(runtime, inDoubt[outcome]())
  const found = await drive(runtime, readAll(db))
  const difference = firstDifference(model.contentAfter(outcome), found)
  const problems = difference === undefined ? db.check() : [difference]
  await drive(runtime, db.close())
  return problems.map((problem) => `after the ${outcome} of what was in doubt: ${problem} (I37)`)
}
