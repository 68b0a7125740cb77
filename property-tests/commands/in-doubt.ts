/**
 * What must hold of the transactions in doubt that a restart or a clean open has left: each has its locks
 * again (I36), and either outcome would be right (I37).
 */
import { CATALOG_TREE } from '../../src/btree/catalog.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { LockMode } from '../../src/lock/lock-mode.ts'
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
  const unlocked = names.flatMap((name) => unlockedOf(lab, model, model.effectsOf(name)))
  return [
    ...unlocked.map((what) => `in doubt, and not locked: ${what} (I36)`),
    ...(await problemsAfter('commit', disk, options, model)),
    ...(await problemsAfter('abort', disk, options, model)),
  ]
}

/** Which of these effects of a prepared transaction are of keys and names of tables that others could have now. */
function unlockedOf({ managers: { locks, catalog } }: Lab, model: Model, effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    const name = catalog.keyOf(effect.table)
    // Who may not even look for the table has none of its keys either.
    if (!locks.isFreeFor(CATALOG_TREE, name, LockMode.IS)) return []
    // What a prepared transaction has made is not there for the model, which knows what is committed.
    const isOfTheName = !('key' in effect) || model.table([], effect.table) === undefined
    if (isOfTheName || locks.isFreeFor(CATALOG_TREE, name, LockMode.S)) return [effect.table]
    const tree = catalog.find(effect.table)
    const isLocked = tree !== undefined && !locks.isFreeFor(tree, new TextEncoder().encode(effect.key), LockMode.S)
    return isLocked ? [] : [`${effect.table} ${effect.key}`]
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
