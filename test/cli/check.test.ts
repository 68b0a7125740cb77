/** `aries check` and `aries info` on sound, unclean, damaged and used databases. */
import { readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { ShownRecord } from '../../src/inspect/record-text.ts'
import { fingerprint, flipByte, linesOf, makeDatabase as make, TEXT } from './databases.ts'
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

  test('one damaged leaf is one problem, by page and reason, wherever it is', async () => {
    const directory = await makeDatabase('closed')
    for (const leaf of [4, 5, 20]) {
      flipByte(join(directory, 'data'), leaf * PAGE_BYTES + 100)
      const { code, stdout } = await runCli('check', directory)
      expect({ code, stdout }).toEqual({
        code: 1,
        stdout: `page ${leaf}: fails its checksum (table rows)\n${directory}: 1 problem\n`,
      })
      flipByte(join(directory, 'data'), leaf * PAGE_BYTES + 100)
    }
  })

  test('without a catalog the pages of its tables are no problems of their own', async () => {
    const directory = await makeDatabase('closed')
    flipByte(join(directory, 'data'), 2 * PAGE_BYTES + 100)
    expect(await runCli('check', directory)).toEqual({
      code: 1,
      stdout: `page 2: fails its checksum (table (catalog))\nno table can be checked: page 2: fails its checksum\n${directory}: 2 problems\n`,
      stderr: '',
    })
  })

  test('a database that does not open for damage is a problem, too', async () => {
    const directory = await makeDatabase('killed')
    truncateSync(join(directory, 'data'), PAGE_BYTES)
    const { code, stdout } = await runCli('check', directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/PAGE_CORRUPT: .*cut short/)
    expect(stdout).toContain('1 problem\n')
  })

  test('where damage keeps it from opening, everything damaged is listed all the same', async () => {
    const directory = await makeDatabase('closed')
    const before = (await runCli('log', directory, '--json')).stdout
    const commits = linesOf<ShownRecord>(before).filter(({ type }) => type === 'commit')
    for (const { lsn } of commits) flipByte(join(directory, 'log-000000000000'), lsn + 20)
    expect(commits).toHaveLength(2)
    for (const slot of [0, 4096]) flipByte(join(directory, 'master'), slot + 60)
    for (const page of [0, 4, 5]) flipByte(join(directory, 'data'), page * PAGE_BYTES + 50)
    const { code, stdout } = await runCli('check', directory, '--json')
    const { problems } = JSON.parse(stdout) as { problems: string[] }
    expect(code).toBe(1)
    expect(problems.slice(1)).toEqual([
      'master: 2 of its 2 slots are damaged',
      ...commits.map(({ lsn, length }) => `log from LSN ${lsn} to LSN ${lsn + length}: no valid record`),
      expect.stringMatching(/^page 0: it fails its checksum/),
      expect.stringMatching(/^page 4: it fails its checksum$/),
      expect.stringMatching(/^page 5: it fails its checksum$/),
    ])
  })

  test('damage to log that no restart reads any more is found', async () => {
    const directory = await makeDatabase('closed')
    const record = linesOf<ShownRecord>((await runCli('log', directory, '--json')).stdout)[40] as ShownRecord
    flipByte(join(directory, 'log-000000000000'), record.lsn + 20)
    const { code, stdout } = await runCli('check', directory)
    expect(code).toBe(1)
    expect(stdout).toContain(`log from LSN ${record.lsn} to LSN `)
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

  test('a table with a damaged page is named, and the others are counted', async () => {
    const directory = await make('closed', async (database) => {
      await database.table('a', TEXT).put('apple', 'red')
      await database.table('b', TEXT).put('banana', 'yellow')
    })
    flipByte(join(directory, 'data'), 4 * PAGE_BYTES + 100)
    const { code, stdout } = await runCli('info', directory, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      tables: [
        { name: 'a', rows: 1 },
        { name: 'b', rows: null },
      ],
    })
    expect((await runCli('info', directory)).stdout).toMatch(/b +│ damaged │/)
  })

  test('log files have the size they have, and the needed log lies before its end', async () => {
    const directory = await makeDatabase('closed')
    const bytes = statSync(join(directory, 'log-000000000000')).size
    expect(bytes).toBeLessThan(4 << 20)
    const { endLsn, ...clean } = JSON.parse((await runCli('info', directory, '--json')).stdout).log
    expect(clean).toEqual({ oldestRequiredLsn: expect.any(Number), fileBytes: bytes })
    // The data file says where the checkpoint is; recovery takes another one, in memory.
    rmSync(join(directory, 'master'))
    const without = JSON.parse((await runCli('info', directory, '--json')).stdout)
    expect(without.wasClosedCleanly).toBe(false)
    expect(without.log).toEqual({ endLsn, ...clean })
    expect(JSON.parse((await runCli('stats', directory, '--json')).stdout).log).toMatchObject({
      endLsn,
      oldestRequiredLsn: clean.oldestRequiredLsn,
      oldestRequiredBy: 'checkpoint',
    })
  })

  test('without a terminal the text has no colours', async () => {
    const { stdout } = await runCli('info', await makeDatabase('closed'))
    expect(stdout).toMatch(/rows\s+│\s+2,000/)
    expect(stdout.includes('\u001b')).toBe(false)
  })
})

describe('stats', () => {
  test('tell of files, log and the shape of the tables', async () => {
    const directory = await makeDatabase('killed')
    const before = fingerprint(directory)
    const { code, stdout } = await runCli('stats', directory, '--json')
    expect(code).toBe(0)
    const stats = JSON.parse(stdout) as {
      files: { name: string; bytes: number }[]
      pages: { allocated: number }
      tables: { name: string; rows: number; height: number; leafPages: number; innerPages: number; leafFill: number }[]
    }
    expect(stats).toMatchObject({ pageSize: PAGE_BYTES, wasClosedCleanly: false, inDoubt: 0 })
    expect(stats.files.map(({ name }) => name)).toEqual(['data', 'double-write', 'log-000000000000', 'master'])
    const [catalog, rows] = stats.tables
    expect(catalog).toMatchObject({ name: '(catalog)', tree: 2, rows: 1, height: 1 })
    expect(rows).toMatchObject({
      name: 'rows',
      tree: 3,
      rows: ROWS,
      ghosts: 0,
      height: 2,
      innerPages: 1,
      damagedPages: 0,
    })
    // Meta page, space map, catalog, and the table.
    expect(stats.pages.allocated).toBe(3 + (rows?.leafPages ?? 0) + 1)
    expect(rows?.leafFill).toBeGreaterThan(0.4)
    expect(rows?.leafFill).toBeLessThan(1)
    expect(fingerprint(directory)).toEqual(before)
  })

  test('a table with a damaged page is counted as far as can be', async () => {
    const directory = await makeDatabase('closed')
    flipByte(join(directory, 'data'), 4 * PAGE_BYTES + 100)
    const { code, stdout } = await runCli('stats', directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/rows +│ +3 │ +1,9\d\d │.* 1 │$/m)
  })

  test('what can be told is told of a database that does not open', async () => {
    const directory = await makeDatabase('killed')
    const record = linesOf<ShownRecord>((await runCli('log', directory, '--json')).stdout)[40] as ShownRecord
    flipByte(join(directory, 'log-000000000000'), record.lsn + 20)
    const before = fingerprint(directory)
    for (const verb of ['stats', 'info']) {
      const { code, stdout, stderr } = await runCli(verb, directory)
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
      expect(stdout).toContain(`does not open   LOG_CORRUPT: log-000000000000`)
      expect(stdout).toMatch(/the last checkpoint is at LSN \d+, and the log was durable up to LSN \d+/)
      const json = JSON.parse((await runCli(verb, directory, '--json')).stdout)
      expect(json).toMatchObject({ directory, pageSize: PAGE_BYTES, damage: expect.stringMatching(/^LOG_CORRUPT/) })
    }
    expect(fingerprint(directory)).toEqual(before)
  })

  test('overflow pages and ghosts', async () => {
    const directory = await make('closed', async (database) => {
      const table = database.table('long', TEXT)
      await table.put('a', 'x'.repeat(3 * PAGE_BYTES))
      await table.put('b', 'y')
      const tx = database.begin()
      await tx.delete(table, 'b')
      await tx.prepare('keeps its ghost')
    })
    const { stdout } = await runCli('stats', directory, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      inDoubt: 1,
      tables: [{}, { name: 'long', rows: 1, ghosts: 1, height: 1, leafPages: 1, overflowPages: 4 }],
    })
    // Info counts the row, for its deletion is not committed: so it is said what is counted here.
    const info = JSON.parse((await runCli('info', directory, '--json')).stdout)
    expect(info).toMatchObject({ tables: [{ name: 'long', rows: 2 }] })
    expect((await runCli('stats', directory)).stdout).toContain(
      'in doubt        1 transaction; rows and ghosts are counted with what it has changed',
    )
  })
})
