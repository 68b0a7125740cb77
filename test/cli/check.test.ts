/** `aries check` and `aries info` on sound, unclean, damaged and used databases. */
import { readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { fingerprint, flipByte, makeDatabase as make, TEXT } from './databases.ts'
import { runCli } from './run-cli.ts'

const PAGE_BYTES = 8192
const ROWS = 2_000

/** Rows, and a transaction that is still under way. */
function makeDatabase(end: 'closed' | 'killed'): Promise<string> {
  return make(end, async (database) => {
    const table = database.table('rows', TEXT)
    await database.transaction(async (tx) => {
      for (let i = 0; i < ROWS; i++) await tx.put(table, `row ${i}`, 'x'.repeat(100))
    })
    await database.begin().put(table, 'row 0', 'unfinished')
  })
}

describe('check', () => {
  test('a sound database', async () => {
    const directory = await makeDatabase('closed')
    const before = fingerprint(directory)
    expect(await runCli('check', directory)).toEqual({ code: 0, stdout: `${directory}: sound\n`, stderr: '' })
    expect(fingerprint(directory)).toEqual(before)
  })

  test('one that was not closed cleanly is recovered in memory and left as it is', async () => {
    const directory = await makeDatabase('killed')
    const before = fingerprint(directory)
    const { code, stdout } = await runCli('check', directory)
    expect(code).toBe(0)
    expect(stdout).toMatch(/not closed cleanly; the next open will redo [\d,]+ records and undo 1 transaction\n/)
    expect(stdout).toContain('sound')
    expect(fingerprint(directory)).toEqual(before)
  })

  test('a damaged page is named, and the exit code is 1', async () => {
    const directory = await makeDatabase('closed')
    const pages = readFileSync(join(directory, 'data')).length / PAGE_BYTES
    for (let page = 1; page < pages; page++) flipByte(join(directory, 'data'), page * PAGE_BYTES + 100)
    const { code, stdout } = await runCli('check', directory, '--json')
    const { problems } = JSON.parse(stdout) as { problems: string[] }
    expect(code).toBe(1)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join('\n')).toMatch(/page \d+/)
  })

  test('a database that does not open for damage is a problem, too', async () => {
    const directory = await makeDatabase('killed')
    truncateSync(join(directory, 'data'), PAGE_BYTES)
    const { code, stdout } = await runCli('check', directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/PAGE_CORRUPT: .*cut short/)
    expect(stdout).toContain('1 problem\n')
  })

  test('a database in use is not read', async () => {
    const directory = await makeDatabase('closed')
    await using _database = await open(directory)
    const { code, stderr } = await runCli('check', directory)
    expect(code).toBe(3)
    expect(stderr).toContain(`is open already by process ${process.pid}`)
  })
})

describe('info', () => {
  test('prints the tables with their rows, and changes nothing', async () => {
    const directory = await makeDatabase('killed')
    const before = fingerprint(directory)
    const { code, stdout } = await runCli('info', directory, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      directory,
      wasClosedCleanly: false,
      tables: [{ name: 'rows', rows: ROWS }],
      pages: { damaged: [] },
    })
    expect(fingerprint(directory)).toEqual(before)
  })

  test('names what is in doubt, and shows the tables as they were before it', async () => {
    const directory = await makeDatabase('closed')
    const database = await open(directory)
    const table = database.table('rows', TEXT)
    const tx = database.begin()
    await tx.delete(table, 'row 0')
    await tx.put(database.table('new', TEXT), 'a', 'A')
    await tx.prepare('transfer 1')
    await database.close()
    const before = fingerprint(directory)
    const { stdout } = await runCli('info', directory, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      wasClosedCleanly: true,
      inDoubt: ['transfer 1'],
      tables: [{ name: 'rows', rows: ROWS }],
    })
    expect((await runCli('info', directory)).stdout).toContain('in doubt        "transfer 1"')
    expect((await runCli('check', directory)).code).toBe(0)
    expect(fingerprint(directory)).toEqual(before)
  })

  test('without a terminal the text has no colours', async () => {
    const { stdout } = await runCli('info', await makeDatabase('closed'))
    expect(stdout).toMatch(/rows\s+│\s+2,000/)
    expect(stdout.includes('\u001b')).toBe(false)
  })
})
