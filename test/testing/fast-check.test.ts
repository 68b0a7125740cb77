import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RangeOptions, utf8 } from '../../src/index.ts'
import {
  byteKeys,
  byteValues,
  commands,
  crashes,
  faults,
  keys,
  ranges,
  type SandboxModel,
  transactions,
  values,
} from '../../src/testing/fast-check.ts'
import {
  applyScript,
  type Contents,
  crashTest,
  differenceOf,
  readContents,
  runScript,
  Sandbox,
  type ScriptStep,
  type TransactionScript,
} from '../../src/testing/index.ts'

const put = (key: string): ScriptStep => ({ do: 'put', table: 'a', key, value: key })
const clear = (range: RangeOptions<string>): ScriptStep => ({ do: 'clear', table: 'a', range })
const bytesOf = (text: string): number => new TextEncoder().encode(text).length

describe('arbitraries', () => {
  test('give keys and values that fit', () => {
    fc.assert(
      fc.property(
        keys({ bytesMax: 20 }),
        byteKeys(),
        values(),
        byteValues({ bytesMax: 9 }),
        (key, bytes, value, blob) => {
          expect(bytesOf(key)).toBeGreaterThan(0)
          expect(bytesOf(key)).toBeLessThanOrEqual(20)
          expect(key).toBe(Buffer.from(key).toString())
          expect(bytes.length).toBeGreaterThan(0)
          expect(bytesOf(value)).toBeLessThanOrEqual(10_000)
          expect(blob.length).toBeLessThanOrEqual(9)
        },
      ),
    )
  })

  test.each([1, 2, 3])('keep to %i bytes', (bytesMax) => {
    const options = { bytesMax }
    fc.assert(
      fc.property(keys(options), byteKeys(options), values(options), byteValues(options), (key, bytes, value, blob) => {
        const lengths = [bytesOf(key), bytes.length, bytesOf(value), blob.length]
        expect(Math.max(...lengths), lengths.join(', ')).toBeLessThanOrEqual(bytesMax)
        expect(Math.min(bytesOf(key), bytes.length)).toBeGreaterThan(0)
      }),
    )
  })

  test.each<[string, (count: number) => fc.Arbitrary<string | Uint8Array>]>([
    ['texts', (count) => keys({ count })],
    ['bytes', (count) => byteKeys({ count })],
  ])('give few keys and some long ones: %s', (_name, keysOf) => {
    const lengthOf = (key: string | Uint8Array): number => (typeof key === 'string' ? bytesOf(key) : key.length)
    for (const count of [1, 20]) {
      const sample = fc.sample(keysOf(count), { numRuns: 1000, seed: 1 })
      const times = new Map<string, number>()
      for (const key of sample) times.set(String(key), (times.get(String(key)) ?? 0) + 1)
      const often = [...times.values()].filter((number) => number > 10)
      expect(often).toHaveLength(count)
      expect(often.reduce((sum, number) => sum + number)).toBeGreaterThan(700)
      expect(Math.max(...sample.map(lengthOf))).toBeGreaterThan(900)
    }
  })

  test('give only empty values when nothing else fits', () => {
    fc.assert(
      fc.property(values({ bytesMax: 0 }), byteValues({ bytesMax: 0 }), (value, blob) => {
        expect(bytesOf(value) + blob.length).toBe(0)
      }),
    )
  })

  test('give ranges that the database takes', async () => {
    const { db } = await Sandbox.create()
    const table = db.table('a', { key: utf8, value: utf8 })
    await fc.assert(fc.asyncProperty(ranges(keys()), async (range) => void (await table.count(range))))
    await db.close()
  })

  test('give crashes and faults that the disk takes', async () => {
    const { disk } = await Sandbox.create()
    fc.assert(
      fc.property(crashes(), faults(), (crash, { kind, effect, match }) => {
        const after = disk.crash(crash)
        after.inject(kind, effect, match)
      }),
    )
  })
})

describe('scripts', () => {
  test('do the same to a database and to maps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(transactions(), { maxLength: 6 }), async (scripts) => {
        const { db } = await Sandbox.create()
        for (const script of scripts) await runScript(db, script)
        const expected = scripts.reduce(applyScript, new Map() as Contents)
        expect(differenceOf(await readContents(db), expected)).toBeUndefined()
        await db.close()
      }),
      { numRuns: 30 },
    )
  })

  test.each<[string, ...ScriptStep[]]>([
    ['a rollback to a savepoint', put('k1'), { do: 'savepoint' }, put('k2'), { do: 'rollback' }, put('k3')],
    [
      'two rollbacks to one savepoint',
      { do: 'savepoint' },
      put('k1'),
      { do: 'rollback' },
      put('k2'),
      { do: 'rollback' },
    ],
    ['a rollback without a savepoint', put('k1'), { do: 'rollback' }],
    ['the last two keys cleared', ...['k1', 'k2', 'k3', 'k4'].map(put), clear({ reverse: true, limit: 2 })],
    ['bounds that exclude', ...['k1', 'k2', 'k3', 'k4'].map(put), clear({ gt: 'k1', lt: 'k4' })],
    ['bounds that include', ...['k1', 'k2', 'k3', 'k4'].map(put), clear({ gte: 'k2', lte: 'k3' })],
    ['an order that is not that of UTF-16', put('\uff5e'), put('\u{1f600}'), clear({ gt: '\uff5e' })],
    ['a key and its prefix', put('k'), put('kk'), clear({ gt: 'k' })],
    ['a table that becomes empty', put('k1'), { do: 'delete', table: 'a', key: 'k1' }],
  ])('do the same in special cases: %s', async (_name, ...steps) => {
    const { db } = await Sandbox.create()
    const script = { steps, end: 'commit' } as const
    await runScript(db, script)
    expect(differenceOf(await readContents(db), applyScript(new Map(), script))).toBeUndefined()
    expect(applyScript(new Map(), { ...script, end: 'abort' })).toEqual(new Map())
  })

  test('differ in words', () => {
    const one: Contents = new Map([['a', new Map([['k', '1']])]])
    const two: Contents = new Map([['a', new Map([['k', '2']])]])
    expect(differenceOf(one, one)).toBeUndefined()
    expect(differenceOf(one, two)).toBe('table a, key "k": is "1", should be "2"')
    expect(differenceOf(new Map(), two)).toBe('table a, key "k": is missing, should be "2"')
  })
})

test.each(['x', -1, 1.5])('a sandbox has no seed %s', async (seed) => {
  await expect(Sandbox.create({ seed: seed as number })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

describe('commands', () => {
  test('keep a database and its model together through crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands(), { maxCommands: 12 }), async (script) => {
        const real = await Sandbox.create()
        await fc.asyncModelRun(() => ({ model: { contents: new Map() } as SandboxModel, real }), script)
      }),
      { numRuns: 20 },
    )
  })

  test('notice what a crash took', async () => {
    const lossy = commands({ transactions: transactions({ durabilities: ['lazy'] }) })
    const property = fc.asyncProperty(fc.commands(lossy, { maxCommands: 12 }), async (script) => {
      const real = await Sandbox.create()
      await fc.asyncModelRun(() => ({ model: { contents: new Map() } as SandboxModel, real }), script)
    })
    const details = await fc.check(property, { seed: 1, numRuns: 100 })
    expect(String(details.errorInstance)).toMatch(/after crash\(.*is missing, should be/)
    expect(String(details.counterexample?.[0])).toMatch(/^transaction\(.*commit\),crash\(/)
  })
})

describe('a crash test of generated transactions', () => {
  const crashed = (durability: 'full' | 'none') =>
    fc.asyncProperty(fc.array(transactions({ stepsMax: 4 }), { minLength: 1, maxLength: 3 }), async (scripts) => {
      await crashTest<TransactionScript>({
        workload: async ({ db, ack }) => {
          for (const script of scripts) {
            await runScript(db, script)
            ack(script)
          }
        },
        invariant: async ({ db, acknowledged }) => {
          const told = acknowledged.reduce(applyScript, new Map() as Contents)
          const next = scripts[acknowledged.length]
          const contents = await readContents(db)
          // The one under way may have committed without anybody knowing.
          const isLegal = [told, next === undefined ? told : applyScript(told, next)].some(
            (legal) => differenceOf(contents, legal) === undefined,
          )
          expect(isLegal, 'what was acknowledged is there, and nothing else').toBe(true)
        },
        durability,
        maxCrashPoints: 12,
        statesPerCrashPoint: 4,
        alsoCrashRecovery: false,
      })
    })

  test('holds at durability full', async () => {
    await fc.assert(crashed('full'), { numRuns: 8 })
  })

  test('shrinks to one small transaction at durability none', async () => {
    const details = await fc.check(crashed('none'), { numRuns: 20, seed: 1 })
    expect(details.failed).toBe(true)
    expect(details.counterexample?.[0]).toHaveLength(1)
    expect(details.counterexample?.[0]?.[0]?.steps.length).toBeLessThanOrEqual(2)
  })
})
