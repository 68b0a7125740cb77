/** The lab "find the planted bug": each box can be found, and only by a test that a sound engine passes. */
import { beforeAll, describe, expect, test } from 'vitest'
import { makeArchive } from '../../../property-tests/planted-bugs/boxes.ts'
import { type BoxArchive, boxesFor } from '../../../src/cli/lab/planted-bug/archive.ts'
import { BoxJudge } from '../../../src/cli/lab/planted-bug/judge.ts'
import { nameOfBox, testFile } from '../../../src/cli/lab/planted-bug/test-file.ts'
import { makeFolderWith } from './folders.ts'

const SEED = 3

/** A hunt as a student may write it: many transactions of all kinds, and all that was acknowledged is asked for. */
const hunt = (kinds: readonly string[], rows: number, valueBytes: number, states: number): string => `
const KINDS = ${JSON.stringify(kinds)}
const ROWS = ${rows}
const value = (turn: number): string => String(turn).padEnd(${valueBytes}, '.')
const keys = (turn: number): string[] => Array.from({ length: ROWS }, (_, row) => 'k' + (row % 3 === 0 ? 'x' : turn) + row)

export const test = ({ crashTest, utf8 }: any) => {
  const rowsOf = (db: any) => db.table('rows', { key: utf8, value: utf8 })
  const states = [new Map<string, string>()]
  for (const [turn, kind] of KINDS.entries()) {
    if (kind === 'commit') states.push(new Map([...states.at(-1)!, ...keys(turn).map((key) => [key, value(turn)] as const)]))
  }
  return crashTest({
    maxCrashPoints: 40,
    statesPerCrashPoint: ${states},
    poolBytes: 8 * 4096,
    workload: async ({ db, ack }: any) => {
      let commits = 0
      for (const [turn, kind] of KINDS.entries()) {
        if (kind === 'checkpoint') {
          await db.checkpoint()
          continue
        }
        const tx = db.begin()
        if (kind === 'open') for (let row = 0; row < 2 * ROWS; row++) await tx.put(rowsOf(db), 'o' + turn + row, value(turn))
        else for (const key of keys(turn)) await tx.put(rowsOf(db), key, value(turn))
        if (kind === 'abort') await tx.abort()
        if (kind === 'commit') {
          await tx.commit()
          ack(++commits)
        }
      }
    },
    invariant: async ({ db, acknowledged }: any) => {
      const problems = db.check()
      if (problems.length > 0) throw new Error(problems[0])
      const found = new Map<string, string>()
      for await (const [key, row] of rowsOf(db).range()) found.set(key, row)
      const allowed = states.slice(acknowledged.length, acknowledged.length + 2)
      const isSame = (state: Map<string, string>) => state.size === found.size && [...state].every(([key, row]) => found.get(key) === row)
      if (!allowed.some(isSame)) throw new Error('not what was committed')
    },
  })
}
`

const HUNT = hunt(['commit', 'open', 'commit', 'abort', 'checkpoint', 'commit', 'open', 'commit'], 8, 300, 2)
const TORN_PAGES = hunt(['commit', 'commit', 'commit', 'abort', 'commit', 'commit'], 4, 100, 4)

const PREPARED = `
export const test = ({ crashTest, utf8 }: any) =>
  crashTest({
    workload: async ({ db, ack }: any) => {
      const tx = db.begin()
      await tx.put(db.table('rows', { key: utf8, value: utf8 }), 'a', 'b')
      await tx.prepare('both')
      ack('prepared')
    },
    invariant: ({ db, acknowledged }: any) => acknowledged.length === 0 || db.inDoubt().length === 1,
  })
`

const SAVEPOINT = `
export const test = async ({ open, MemoryFileSystem, utf8 }: any) => {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true })
  const rows = db.table('rows', { key: utf8, value: utf8 })
  const tx = db.begin()
  await tx.put(rows, 'before', 'stays')
  const savepoint = await tx.savepoint()
  await tx.put(rows, 'after', 'goes')
  await tx.rollbackTo(savepoint)
  await tx.commit()
  if ((await rows.get('before')) !== 'stays') throw new Error('what was before the savepoint is gone')
  await db.close()
}
`

const SPECIAL: Readonly<Record<string, string>> = {
  'double-write-never-restored': TORN_PAGES,
  'savepoint-undoes-too-much': SAVEPOINT,
  'in-doubt-undone-at-restart': PREPARED,
}

let archive: BoxArchive

beforeAll(async () => {
  archive = await makeArchive()
})

const judgeOf = (files: Readonly<Record<string, string>>): BoxJudge =>
  new BoxJudge(makeFolderWith(files), archive, boxesFor(archive, SEED))

const numbers = Array.from({ length: 12 }, (_, index) => index + 1)

test('there are twelve, and each breaks another invariant; the numbers differ from seed to seed', () => {
  expect(archive.boxes).toHaveLength(12)
  expect(new Set(archive.boxes.map(({ invariants }) => invariants[0])).size).toBe(12)
  const known = new Set(archive.invariants.map(({ id }) => id))
  for (const { invariants } of archive.boxes) for (const id of invariants) expect(known).toContain(id)
  const order = (seed: number): string[] => boxesFor(archive, seed).map(({ name }) => name)
  expect(order(3)).toEqual(order(3))
  expect(order(3)).not.toEqual(order(4))
  expect(order(3).toSorted()).toEqual(order(4).toSorted())
})

test('a box does not say what is in it', () => {
  for (const { code, name, sentence } of archive.boxes) {
    expect(code).not.toContain(name)
    expect(code).not.toContain(sentence)
    expect(code).not.toContain('sourceMappingURL')
    expect(code).not.toMatch(/\bI\d\d?\b/)
  }
})

test('the file that a hunt begins with finds nothing', async () => {
  const judge = judgeOf(Object.fromEntries(numbers.map((number) => [`${nameOfBox(number)}.ts`, testFile(number)])))
  for (const number of numbers) {
    const name = nameOfBox(number)
    const complaint = `the test passes on ${name}: it does not meet what is wrong there`
    expect(await judge.judge(number, 'found', () => {}), name).toEqual([complaint])
  }
})

describe.each(numbers)('box %i of the seed', (number) => {
  const boxOf = () => boxesFor(archive, SEED)[number - 1]!
  const fileOf = (): string => SPECIAL[boxOf().name] ?? HUNT

  test('is found, and its invariant named', async () => {
    const text = `${fileOf()}\nexport const invariant = '${boxOf().invariants[0]}'\n`
    const judge = judgeOf({ [`${nameOfBox(number)}.ts`]: text })
    expect(await judge.judge(number, 'found', () => {}), boxOf().name).toEqual([])
    expect(await judge.judge(number, 'named', () => {})).toEqual([])
  })
})

test('another invariant is not counted, and what the test saw is told', async () => {
  const judge = judgeOf({
    'box-01.ts': `export const invariant = 'I35'\n${SPECIAL[boxesFor(archive, SEED)[0]!.name] ?? HUNT}`,
  })
  expect(await judge.judge(1, 'found', () => {})).toEqual([])
  expect((await judge.judge(1, 'named', () => {}))[0]).toMatch(
    /^it breaks another invariant than I35; what your test saw: /,
  )
})

test('a test that fails on every engine has found nothing', async () => {
  const judge = judgeOf({
    'box-01.ts': "export const test = () => { throw new Error('no') }\n",
    'box-02.ts': 'export const tset = 1\n',
  })
  expect(await judge.judge(1, 'found', () => {})).toEqual([
    'the test fails on the sound engine too, so it asks for what no engine promises: no',
  ])
  expect(await judge.judge(1, 'named', () => {})).toEqual(['counts when the bug is found'])
  expect(await judge.judge(2, 'found', () => {})).toEqual(['box-02.ts must export a function named test'])
  expect(await judge.judge(3, 'found', () => {})).toEqual(['box-03.ts is missing'])
})
