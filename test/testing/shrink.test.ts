import { describe, expect, test } from 'vitest'
import { type Cut, formatCase, parseCase } from '../../src/testing/crash-case.ts'
import { shrink } from '../../src/testing/shrink.ts'

/** What `text` is shrunk to, when a case violates the invariant just if `violates` says so. */
async function shrunk(
  text: string,
  violates: (cuts: readonly Cut[]) => boolean,
  untried: number[] = [],
): Promise<string> {
  const { seed, cuts } = parseCase(text)
  return formatCase({ seed, cuts: await shrink(cuts, untried, async (trial) => violates(trial)) })
}

const keptIn = ({ persisted }: Cut): number[] =>
  persisted.mode === 'keep' ? persisted.kept.map(({ change }) => change) : []

describe('shrinking', () => {
  test('leaves a case alone that is the only one', async () => {
    const text = 'seed 1, crash at 9 keep:2,4/1, crash at 3 none'
    expect(await shrunk(text, (cuts) => formatCase({ seed: 1, cuts }) === text)).toBe(text)
  })

  test('leaves out crashes of the restart', async () => {
    expect(await shrunk('seed 1, crash at 9 none, crash at 3 none', ([first]) => first?.at === 9)).toBe(
      'seed 1, crash at 9 kill',
    )
  })

  test('keeps crashes of the restart that matter, with simpler states', async () => {
    const text = await shrunk('seed 1, crash at 9 random:5, crash at 3 keep:1,2', (cuts) => cuts.length === 2)
    expect(text).toBe('seed 1, crash at 9 kill, crash at 1 kill')
  })

  test('prefers one crash, wherever in the workload, to two', async () => {
    const violates = (cuts: readonly Cut[]): boolean => cuts.length === 2 || (cuts[0]?.at ?? 0) >= 20
    expect(await shrunk('seed 1, crash at 9 none, crash at 3 none', violates, [9, 10, 19, 21, 22])).toBe(
      'seed 1, crash at 21 kill',
    )
  })

  test('crashes the restart as early as can be', async () => {
    const violates = (cuts: readonly Cut[]): boolean => (cuts[1]?.at ?? 0) >= 4
    expect(await shrunk('seed 1, crash at 9 none, crash at 30 keep:1', violates)).toBe(
      'seed 1, crash at 9 kill, crash at 4 kill',
    )
  })

  test('halves the sectors of a torn change', async () => {
    const violates = ([first]: readonly Cut[]): boolean => {
      const persisted = first?.persisted
      return persisted?.mode === 'keep' && persisted.kept[0]?.parts?.includes(5) === true
    }
    expect(await shrunk('seed 1, crash at 9 keep:1/0+1+3+4+5+7,2', violates)).toBe('seed 1, crash at 9 keep:1/5')
  })

  test('goes to the earliest crash point that was not tried', async () => {
    const violates = ([first]: readonly Cut[]): boolean => (first?.at ?? 0) >= 4 && first?.persisted.mode !== 'kill'
    expect(await shrunk('seed 1, crash at 9 all', violates, [2, 4, 6, 8, 11])).toBe('seed 1, crash at 4 none')
  })

  test('prefers the simplest state', async () => {
    const violates = ([first]: readonly Cut[]): boolean => first?.persisted.mode !== 'kill'
    expect(await shrunk('seed 1, crash at 9 keep:1,2', violates)).toBe('seed 1, crash at 9 none')
  })

  test('prefers the oldest changes to any', async () => {
    const violates = ([first]: readonly Cut[]): boolean => keptIn(first as Cut).includes(3)
    // The first three, and of these only the third.
    expect(await shrunk('seed 1, crash at 9 keep:1,3,5', violates)).toBe('seed 1, crash at 9 keep:3')
  })

  test('leaves out survivors one after the other, and makes torn ones whole', async () => {
    const violates = ([first]: readonly Cut[]): boolean => {
      const kept = keptIn(first as Cut)
      return kept.includes(2) && kept.includes(7) && !kept.includes(1)
    }
    expect(await shrunk('seed 1, crash at 9 keep:2/0+1,4,5,7/3,9', violates)).toBe('seed 1, crash at 9 keep:2,7')
  })
})
