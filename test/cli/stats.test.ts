/** `aries stats` of a database that this process has open: what it prints is what `db.stats()` says. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { askForLiveStats } from '../../src/cli/stats/live.ts'
import { type Database, open } from '../../src/index.ts'
import { FiguresTeller } from '../../src/io/figures.ts'
import { lockDirectory } from '../../src/io/process-lock.ts'
import { fingerprint, makeDatabase, scratchPath, TEXT } from './databases.ts'
import { outcomeOf, runCli, startCli } from './run-cli.ts'

let db: Database | undefined
afterEach(async () => {
  await db?.close()
  db = undefined
})

async function openDatabase(): Promise<{ directory: string; db: Database }> {
  const directory = scratchPath('open')
  db = await open(directory, { createIfMissing: true })
  await db.table('fruit', TEXT).put('apple', 'red')
  return { directory, db }
}

test('of an open database: the figures of its process, which it does not touch', async () => {
  const { directory, db } = await openDatabase()
  const tx = db.begin()
  await tx.put(db.table('fruit', TEXT), 'pear', 'green')
  await db.flush()
  const before = fingerprint(directory)
  const shown = await runCli('stats', directory)
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  expect(shown.stdout).toContain(`open            in process ${process.pid}, for 0 s`)
  expect(shown.stdout).toMatch(/transactions +1 committed, 0 aborted/)
  expect(shown.stdout).toContain(`1 active; transaction ${tx.id} has the oldest record`)
  expect(shown.stdout).toContain(`ends at LSN ${db.stats().log.endLsn}, durable up to LSN ${db.stats().log.flushedLsn}`)
  expect(shown.stdout).toMatch(/locks +2 held, 0 waited for/)
  const json = JSON.parse((await runCli('stats', directory, '--json')).stdout)
  expect(json).toMatchObject({ directory, pid: process.pid, stats: { transactions: { active: 1, committed: 1 } } })
  expect(fingerprint(directory)).toEqual(before)
})

test('again and again, as rates, until the database is closed', async () => {
  const { directory, db: opened } = await openDatabase()
  const child = startCli(['stats', directory, '--watch', '0.1'])
  let lines = 0
  let isClosing = false
  child.stdout.on('data', (text: Buffer) => {
    lines += text.toString().split('\n').length - 1
    // Its head, and two lines of rates.
    if (lines < 3 || isClosing) return
    isClosing = true
    void opened.close()
  })
  const { code, stdout, stderr } = await outcomeOf(child)
  expect({ code, stderr }).toEqual({ code: 0, stderr: `aries: process ${process.pid} has closed the database\n` })
  expect(stdout).toMatch(/^ commits\/s aborts\/s active/)
  expect(stdout.split('\n')[1]).toMatch(/^( +[\d,.-]+){11}$/)
})

test('a process that is asked while it closes the database counts as one that has closed it', async () => {
  const { directory, db: opened } = await openDatabase()
  await opened.close()
  const teller = new FiguresTeller()
  const release = await lockDirectory(directory, process.platform, true, teller)
  try {
    teller.figures = () => ({ openMs: 1, error: { code: 'DB_CLOSED', message: 'the database was closed' } })
    expect(await askForLiveStats(directory)).toBeUndefined()
    teller.figures = () => ({ openMs: 1, error: { code: 'DB_FAILED', message: 'the disk' } })
    await expect(askForLiveStats(directory)).rejects.toThrow('which says: the disk')
  } finally {
    release()
  }
})

test('watched, as JSON, until Ctrl-C', async () => {
  const { directory } = await openDatabase()
  const child = startCli(['stats', directory, '--watch', '0.1', '--json'])
  child.stdout.once('data', () => child.kill('SIGINT'))
  const { code, stdout, stderr } = await outcomeOf(child)
  expect({ code, stderr }).toEqual({ code: 130, stderr: 'aries: interrupted\n' })
  for (const line of stdout.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ pid: process.pid })
})

test('without a process there is nothing to watch', async () => {
  const directory = await makeDatabase('closed', (database) => database.table('fruit', TEXT).put('apple', 'red'))
  const { code, stderr } = await runCli('stats', directory, '--watch', '1')
  expect(code).toBe(3)
  expect(stderr).toContain('--watch needs one')
  expect((await runCli('stats', directory, '--watch', 'often')).code).toBe(2)
})

test('a process that only looks at a database tells no figures', async () => {
  const directory = await makeDatabase('closed', (database) => database.table('fruit', TEXT).put('apple', 'red'))
  // Left over from a process that was killed: it names a secret that the holder of today does not know.
  writeFileSync(join(directory, 'lock'), '1\nan-old-secret\n')
  const release = await lockDirectory(directory, process.platform, false)
  try {
    const { code, stderr } = await runCli('stats', directory)
    expect(code).toBe(3)
    expect(stderr).toContain('is open in a process that tells no figures')
  } finally {
    release()
  }
})
