/** The figures of a running process: who gets them, and that whoever asks cannot disturb it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryFileSystem, open, utf8 } from '../../src/index.ts'
import { askForFigures, FiguresTeller } from '../../src/io/figures.ts'
import { addressOf, LOCK_FILE, readLockFile } from '../../src/io/lock-file.ts'
import { lockDirectory } from '../../src/io/process-lock.ts'

let directory: string
let releases: (() => void)[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aries-figures-'))
  releases = []
})
afterEach(() => {
  for (const release of releases) release()
  rmSync(directory, { recursive: true, force: true })
})

async function lockAs(platform: NodeJS.Platform, figures?: () => object): Promise<() => void> {
  const teller = new FiguresTeller()
  teller.figures = figures
  const release = await lockDirectory(directory, platform, true, teller)
  releases.push(release)
  return release
}

/** A connection whose errors are no news: it is to be ended by the other side. */
const reach = (platform: NodeJS.Platform): Socket => connect(addressOf(directory, platform)).on('error', () => {})

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

/** Connects, sends something, and returns all that comes back until the other side ends it. */
async function send(platform: NodeJS.Platform, request: string): Promise<string> {
  const socket = reach(platform).setEncoding('utf8')
  let answer = ''
  socket.on('data', (text: string) => {
    answer += text
  })
  socket.write(request)
  await closed(socket)
  return answer
}

const secretHere = (): string => readLockFile(join(directory, LOCK_FILE))?.secret as string

// 'darwin' stands for every platform whose lock is a file; its code runs anywhere.
describe.each(['linux', 'darwin'] as const)('figures as on %s', (platform) => {
  const lockAndTell = (figures?: () => object): Promise<() => void> => lockAs(platform, figures)

  test('are told to who knows the secret of the directory, each time anew', async () => {
    let asked = 0
    const release = await lockAndTell(() => ({ asked: ++asked }))
    expect(asked).toBe(0)
    expect(await askForFigures(directory, 5_000, platform)).toEqual({ pid: process.pid, asked: 1 })
    expect(await askForFigures(directory, 5_000, platform)).toEqual({ pid: process.pid, asked: 2 })
    release()
    expect(await askForFigures(directory, 5_000, platform)).toBe('closed')
  })

  test('are told to nobody else', async () => {
    let asked = 0
    const release = await lockAndTell(() => ({ asked: ++asked }))
    const secret = secretHere()
    for (const request of ['\n', 'guess\n', `${secret} \n`, `${secret.slice(1)}\n`, 'x'.repeat(100_000)]) {
      expect(await send(platform, request)).toBe('')
    }
    expect(asked).toBe(0)
    expect(await send(platform, `${secret}\n`)).toContain('"asked":1')
    release()
  })

  test('that cannot be gathered are no answer, and hurt nobody', async () => {
    const release = await lockAndTell(() => {
      throw new Error('a slip')
    })
    expect(await askForFigures(directory, 5_000, platform)).toBe('silent')
    release()
    const releaseAgain = await lockAndTell(undefined)
    expect(await askForFigures(directory, 5_000, platform)).toBe('silent')
    releaseAgain()
  })

  test('who connects and says nothing is sent away, and does not keep others out for ever, nor the lock', async () => {
    const release = await lockAndTell(() => ({}))
    await Promise.all(Array.from({ length: 20 }, () => closed(reach(platform))))
    expect(await askForFigures(directory, 5_000, platform)).toEqual({ pid: process.pid })
    const last = reach(platform)
    await once(last, 'connect')
    release()
    const releaseAgain = await lockAndTell(() => ({}))
    releaseAgain()
    last.destroy()
  })
})

test('what is left at the address by a process that died is replaced', async () => {
  const address = addressOf(directory, 'darwin')
  writeFileSync(address, '')
  const release = await lockAs('darwin', () => ({ here: true }))
  expect(await askForFigures(directory, 5_000, 'darwin')).toMatchObject({ here: true })
  release()
  expect(existsSync(address)).toBe(false)
})

test('a process does not live on because somebody asks it', async () => {
  const script = `
    import { lockDirectory } from ${JSON.stringify(new URL('../../src/io/process-lock.ts', import.meta.url).href)}
    await lockDirectory(${JSON.stringify(directory)})
    process.stdin.once('data', () => process.stdin.unref())
    console.log('locked')`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const socket = reach(process.platform)
  await once(socket, 'connect')
  child.stdin.write('go\n')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  socket.destroy()
})

test('an open database tells its statistics', async () => {
  const db = await open(directory, { createIfMissing: true })
  const table = db.table('t', { key: utf8, value: utf8 })
  await table.put('a', 'b')
  const told = await askForFigures(directory, 5_000)
  expect(told).toMatchObject({ pid: process.pid, openMs: expect.any(Number) })
  expect(told).toHaveProperty('stats.transactions.committed', 1)
  expect(told).toHaveProperty('stats.log.endLsn', db.stats().log.endLsn)
  await db.close()
  expect(await askForFigures(directory, 5_000)).toBe('closed')
})

test('a database that is closed says so, as long as it can be asked', async () => {
  let figures = (): object => ({})
  const disk = Object.assign(new MemoryFileSystem('memory'), {
    publish: (published: () => object) => {
      figures = published
    },
  })
  const db = await open(disk, { createIfMissing: true })
  expect(figures()).toHaveProperty('stats.transactions.active', 0)
  await db.close()
  expect(figures()).toEqual({ openMs: expect.any(Number), error: { code: 'DB_CLOSED', message: expect.any(String) } })
})
