/** `aries log` on sound, unclean, damaged and used databases. */
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Database, open } from '../../src/index.ts'
import type { ShownRecord } from '../../src/inspect/record-text.ts'
import { fingerprint, flipByte, leaveUnfinished, linesOf, makeDatabase, TEXT } from './databases.ts'
import { outcomeOf, runCli, startCli } from './run-cli.ts'

const SEGMENT_BYTES = 65_536
const SEGMENT_0 = 'log-000000000000'
const SEGMENT_1 = 'log-000000000001'

/** A winner, a loser that has rolled back to a savepoint, a rollback, a prepared transaction. */
async function fill(database: Database): Promise<void> {
  const fruit = database.table('fruit', TEXT)
  await database.transaction(async (tx) => {
    await tx.put(fruit, 'apple', 'red')
    await tx.put(fruit, 'banana', 'yellow')
  })
  await database.transaction(async (tx) => {
    for (let i = 0; i < 500; i++) await tx.put(fruit, `row ${i}`, 'v'.repeat(100))
  })
  await leaveUnfinished(database)
}

const make = (end: 'closed' | 'killed' = 'killed'): Promise<string> =>
  makeDatabase(end, fill, { segmentBytes: SEGMENT_BYTES, pageSize: 4096 })

async function records(...args: string[]): Promise<ShownRecord[]> {
  const { code, stdout, stderr } = await runCli('log', ...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return linesOf<ShownRecord>(stdout)
}

test('every record, in order, with the links between them', async () => {
  const directory = await make()
  const before = fingerprint(directory)
  const all = await records(directory)
  expect(fingerprint(directory)).toEqual(before)
  const byLsn = new Map(all.map((record) => [record.lsn, record]))
  let last = 0
  for (const { lsn, prevLsn, txn } of all) {
    expect(lsn).toBeGreaterThan(last)
    if (prevLsn !== null) expect(byLsn.get(prevLsn)?.txn).toBe(txn)
    last = lsn
  }
  expect(last).toBeGreaterThan(SEGMENT_BYTES)
  expect(all.filter(({ description }) => description.startsWith('insert slot')).length).toBeGreaterThan(500)
  expect(all.find(({ type }) => type === 'prepare')?.description).toBe("in doubt from here on, as 'transfer 1'")
})

test('filters', async () => {
  const directory = await make()
  const all = await records(directory)
  const compensations = await records(directory, '--type', 'clr,abort')
  expect(compensations).toEqual(all.filter(({ type }) => type === 'clr' || type === 'abort'))
  const loser = compensations[compensations.length - 3] as ShownRecord
  expect(await records(directory, '--txn', String(loser.txn))).toEqual(all.filter(({ txn }) => txn === loser.txn))
  expect(await records(directory, '--page', '2')).toEqual(all.filter(({ page }) => page === 2))
  const from = (all[100] as ShownRecord).lsn
  const to = (all[110] as ShownRecord).lsn
  expect(await records(directory, '--from', String(from - 1), '--to', String(to))).toEqual(all.slice(100, 110))
  expect(await records(directory, '--limit', '7')).toEqual(all.slice(0, 7))
  expect(await records(directory, '--last', '7')).toEqual(all.slice(-7))
})

test('chains: prevLSN leads to every record of the transaction, undoNextLSN past what is undone', async () => {
  const directory = await make()
  const all = await records(directory)
  const savepointClr = all.find(
    ({ type, undoNextLsn }) =>
      type === 'clr' &&
      undoNextLsn !== null &&
      undoNextLsn !== undefined &&
      all.some(({ lsn, description }) => lsn === undoNextLsn && description.includes("'kiwi'")),
  ) as ShownRecord
  const ofLoser = all.filter(({ txn }) => txn === savepointClr.txn)
  const lastLsn = String(ofLoser.at(-1)?.lsn)
  expect(await records(directory, '--chain', lastLsn)).toEqual([...ofLoser].reverse())
  const { code, stderr } = await runCli('log', directory, '--chain', String(Number(lastLsn) + 8))
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `aries: there is no valid record at LSN ${Number(lastLsn) + 8}\n`,
  })
  const undo = await records(directory, '--undo-chain', lastLsn)
  expect(undo.map(({ description }) => /'(\w+)'/.exec(description)?.[1] ?? description)).toEqual([
    'lime',
    'remove slot 3',
    'kiwi',
  ])
})

test('as text it says where the log ends', async () => {
  const { code, stdout } = await runCli('log', await make(), '--last', '2')
  const lines = stdout.trimEnd().split('\n')
  expect(code).toBe(0)
  expect(lines).toHaveLength(4)
  expect(lines[0]).toMatch(/^ +LSN {2}type +txn +prevLSN +undoNext +page {2}what$/)
  expect(lines[2]).toMatch(/prepare .*in doubt from here on, as 'transfer 1'/)
  expect(lines[3]).toMatch(/^the log ends at LSN \d+$/)
})

test('damage ends it with 1; salvage goes on behind', async () => {
  const directory = await make()
  const all = await records(directory)
  const victim = all[50] as ShownRecord
  flipByte(join(directory, SEGMENT_0), victim.lsn + 20)
  const { code, stdout, stderr } = await runCli('log', directory, '--json')
  expect(code).toBe(1)
  expect(linesOf(stdout)).toEqual(all.slice(0, 50))
  expect(stderr).toMatch(
    new RegExp(
      `damaged: ${SEGMENT_0} has no valid record at LSN ${victim.lsn}, although the log was durable up to LSN \\d+`,
    ),
  )
  const salvaged = await runCli('log', directory, '--json', '--salvage')
  expect(salvaged.code).toBe(1)
  const gap = { gap: { fromLsn: victim.lsn, toLsn: all[51]?.lsn, reason: 'no valid record' } }
  expect(linesOf(salvaged.stdout)).toEqual([...all.slice(0, 50), gap, ...all.slice(51)])
  // The gap lies among the last ones, or before them.
  for (const last of [all.length - 40, all.length - 60]) {
    const lines = linesOf((await runCli('log', directory, '--json', '--salvage', '--last', String(last))).stdout)
    const shown = all.toSpliced(50, 1).slice(-last)
    expect(lines).toEqual(shown.toSpliced(Math.max(0, shown.indexOf(all[51] as ShownRecord)), 0, gap as never))
  }
})

test('a segment without a header, one cut short, one missing', async () => {
  const directory = await make()
  const all = await records(directory)
  const inSecond = all.filter(({ lsn }) => lsn >= SEGMENT_BYTES && lsn < 2 * SEGMENT_BYTES)
  flipByte(join(directory, SEGMENT_1), 17)
  const headless = await runCli('log', directory)
  expect(headless.code).toBe(1)
  expect(headless.stderr).toContain(`damaged: the header of ${SEGMENT_1} fails its checksum;`)
  const salvaged = linesOf<ShownRecord | { gap: object }>(
    (await runCli('log', directory, '--salvage', '--json')).stdout,
  )
  expect(salvaged.filter((line) => !('gap' in line))).toEqual(all)
  expect(salvaged.filter((line) => 'gap' in line)).toHaveLength(1)

  truncateSync(join(directory, SEGMENT_1), (inSecond[3] as ShownRecord).lsn - SEGMENT_BYTES)
  const short = linesOf<object>((await runCli('log', directory, '--salvage', '--json')).stdout)
  expect(short.filter((line) => !('gap' in line))).toEqual(all.filter((record) => !inSecond.slice(3).includes(record)))

  rmSync(join(directory, SEGMENT_0))
  const { code, stdout, stderr } = await runCli('log', directory, '--chain', String(inSecond[1]?.lsn), '--json')
  expect(code).toBe(0)
  expect(linesOf(stdout)).toEqual(inSecond.slice(0, 2).reverse())
  expect(stderr).toMatch(/goes on at LSN \d+, which is no longer in the log: it begins at LSN 65536/)
})

test('a log that begins behind its last checkpoint is damaged', async () => {
  const directory = await make()
  const behind = (await records(directory)).filter(({ lsn }) => lsn >= SEGMENT_BYTES)
  rmSync(join(directory, SEGMENT_0))
  const { code, stdout, stderr } = await runCli('log', directory)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain(`the log is damaged: ${SEGMENT_0} is missing`)
  const salvaged = linesOf<object>((await runCli('log', directory, '--salvage', '--json')).stdout)
  expect(salvaged.filter((line) => !('gap' in line))).toEqual(behind)
})

test('a master record that is gone is not needed', async () => {
  const directory = await make()
  const all = await records(directory)
  rmSync(join(directory, 'master'))
  expect(await records(directory)).toEqual(all)
  rmSync(join(directory, 'data'))
  expect(await records(directory)).toEqual(all)
})

test('a database in use is read only when that is asked for', async () => {
  const directory = await make('closed')
  await using database = await open(directory)
  const refused = await runCli('log', directory)
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain('is open already')
  await database.table('fruit', TEXT).put('cherry', 'red')
  const found = await records(directory, '--in-use', '--type', 'update', '--last', '1')
  expect(found[0]?.description).toContain("'cherry'")
})

test('a reader that has seen enough ends it without an error', async () => {
  const child = startCli(['log', await make()])
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await outcomeOf(child)).toMatchObject({ code: 0, stderr: '' })
})
