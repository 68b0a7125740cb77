/**
 * Part of the damage campaign (`npm run crash:damage` does all of it): every n-th bit from a place that
 * the seed draws, every cut of what is used, every other damage. Right content, or an error that names
 * the place; only the last synced batch after an unclean shutdown may be taken for what it looks like.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runsOf, TIMEOUT_MS } from '../runs.ts'
import { checkUndamaged, sample, type Tally, tallyOf, type Violation } from './campaign.ts'
import { type Group, groupsOf, type Kind } from './cases.ts'
import type { Outcome } from './judge.ts'
import { judgeOnRealDisk } from './real-disk.ts'
import { makeSpecimens, SPECIMEN_NAMES, type Specimen, type SpecimenName } from './specimen.ts'

const SEED = Number(process.env['ARIES_SEED'] ?? 1)
/** At most so many cases of a group, spread over it. */
const CASES_MAX: Readonly<Record<Kind, number>> = {
  bits: 90,
  gaps: 10,
  sectors: 40,
  cuts: 64,
  missing: 1,
  older: 1,
  misplaced: 25,
}

let specimens: ReadonlyMap<SpecimenName, Specimen>
const limit = Error.stackTraceLimit

beforeAll(async () => {
  // Most of the cases make an error, and the traces cost more than the rest.
  Error.stackTraceLimit = 0
  specimens = await makeSpecimens(SEED)
})
afterAll(() => {
  Error.stackTraceLimit = limit
})

const groupsFor = (name: SpecimenName): Group[] => groupsOf(specimens.get(name) as Specimen, SEED)

const everyOf = ({ kind, count }: Group): number => Math.max(1, Math.ceil(count / runsOf(CASES_MAX[kind])))

/** How often each outcome came up, and what is wrong. */
async function tallied(
  groups: readonly Group[],
  deferRedo = false,
): Promise<{ tallies: Map<Group, Tally>; violations: Violation[] }> {
  const tallies = new Map<Group, Tally>()
  const violations: Violation[] = []
  for (const group of groups) {
    const note = (violation: Violation | undefined): void => {
      if (violation !== undefined) violations.push(violation)
    }
    const tally = await tallyOf(group, sample(group.count, everyOf(group), SEED), note, deferRedo)
    tallies.set(group, tally)
  }
  return { tallies, violations }
}

function countOf(tallies: ReadonlyMap<Group, Tally>, outcome: Outcome): number {
  return [...tallies.values()].reduce((sum, { outcomes }) => sum + (outcomes[outcome] ?? 0), 0)
}

describe('a small database, damaged', () => {
  for (const name of SPECIMEN_NAMES) {
    test(
      `${name}: the content is right, or an error names the place`,
      async () => {
        await checkUndamaged(specimens.get(name) as Specimen)
        const { tallies, violations } = await tallied(groupsFor(name))
        expect(violations).toEqual([])
        // Each kind of answer is given, so the damage is of all kinds.
        expect(countOf(tallies, 'refused')).toBeGreaterThan(name === 'torn' ? 50 : 100)
        expect(countOf(tallies, 'repaired')).toBeGreaterThan(0)
        if (name === 'closed') {
          expect(countOf(tallies, 'unharmed')).toBeGreaterThan(100)
          expect(countOf(tallies, 'unreadable')).toBeGreaterThan(50)
          expect(countOf(tallies, 'lastBatch')).toBe(0)
        }
      },
      TIMEOUT_MS,
    )
  }

  test(
    'killed, and redo is deferred: the content is right, or an error names the place when it is read',
    async () => {
      const { tallies, violations } = await tallied(groupsFor('killed'), true)
      expect(violations).toEqual([])
      expect(countOf(tallies, 'refused')).toBeGreaterThan(100)
      expect(countOf(tallies, 'repaired')).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )

  test('in a real directory it comes out the same', async () => {
    for (const group of groupsFor('killed')) {
      for (const index of sample(group.count, Math.ceil(group.count / 2), SEED)) {
        expect(await judgeOnRealDisk(group, index, index % 2 === 1)).toBeUndefined()
      }
    }
  })
})
