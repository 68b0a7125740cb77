/** Does damages, one at a time, each to a copy of its own, and counts what came of them. */
import { AriesError } from '../../src/common/errors.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { type Group, losable, nameOf } from './cases.ts'
import { type Allowance, judge, type Outcome, openSimulated, type Verdict } from './judge.ts'
import { diskOf, type Specimen } from './specimen.ts'

/** How often each outcome came up for a group, and how often each reason. */
export interface Tally {
  readonly outcomes: Partial<Record<Outcome, number>>
  readonly reasons: Record<string, number>
}

export interface Violation {
  readonly name: string
  readonly why: string
}

/** One case in so many is closed, opened and judged again. */
const AGAIN_EVERY = 11

const disks = new WeakMap<Specimen, SimulatedFileSystem>()

/** What is judged has to be right before it is damaged. @throws when it is not */
export async function checkUndamaged(specimen: Specimen): Promise<void> {
  const { verdict } = await judge(diskOf(specimen.files), specimen, { losable: 0 })
  const expected = specimen.name === 'torn' ? 'repaired' : 'unharmed'
  if (verdict.outcome !== expected) throw new Error(`${specimen.name}: ${verdict.outcome} ${verdict.why}`)
}

/** A copy of the specimen's disk with the damage done, and what that may lead to. */
export function damagedDisk(group: Group, index: number): { disk: SimulatedFileSystem; allowance: Allowance } {
  const { specimen, file } = group
  let whole = disks.get(specimen)
  if (whole === undefined) {
    whole = diskOf(specimen.files)
    disks.set(specimen, whole)
  }
  const disk = whole.crash({ mode: 'none' })
  const range = group.damage(disk, index)
  return { disk, allowance: { losable: losable(specimen, file, range) } }
}

/** Judges a case; `again` closes the database then, opens it once more, and judges that. */
export async function judgeCase(group: Group, index: number, again: boolean, deferRedo = false): Promise<Verdict> {
  const { disk, allowance } = damagedDisk(group, index)
  const { verdict, db } = await judge(disk, group.specimen, allowance, openSimulated(deferRedo))
  if (!again || db === undefined || verdict.outcome === 'violation') return verdict
  try {
    await db.close()
  } catch (error) {
    if (!AriesError.is(error)) return { outcome: 'violation', why: `close throws ${String(error)}` }
  }
  const second = await judge(disk.crash({ mode: 'kill' }), group.specimen, allowance)
  if (second.verdict.outcome !== 'violation') return verdict
  return { outcome: 'violation', why: `opened once more: ${second.verdict.why}` }
}

/** Judges the cases of these numbers, some of them twice, where restarts defer redo or not. */
export async function tallyOf(
  group: Group,
  indexes: Iterable<number>,
  onCase: (violation: Violation | undefined) => void,
  deferRedo = false,
): Promise<Tally> {
  const tally: Tally = { outcomes: {}, reasons: {} }
  for (const index of indexes) {
    const { outcome, why } = await judgeCase(group, index, index % AGAIN_EVERY === 0, deferRedo)
    add(tally.outcomes, outcome, 1)
    if (why !== '') add(tally.reasons, `${outcome}: ${why}`, 1)
    onCase(outcome === 'violation' ? { name: nameOf(group, index), why } : undefined)
  }
  return tally
}

function add<K extends string>(counts: Partial<Record<K, number>>, key: K, count: number): void {
  counts[key] = (counts[key] ?? 0) + count
}

/** Adds what another worker counted. */
export function merge(into: Tally, other: Tally): void {
  for (const [outcome, count] of Object.entries(other.outcomes)) add(into.outcomes, outcome as Outcome, count)
  for (const [reason, count] of Object.entries(other.reasons)) add(into.reasons, reason, count)
}

/** Every `every`-th number below `count`, from a place that the seed draws. */
export function* sample(count: number, every: number, seed: number): Generator<number> {
  for (let index = every === 1 ? 0 : seed % Math.min(every, count); index < count; index += every) yield index
}
