import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockDirectory } from '../../src/io/process-lock.ts'

const HOLDER = fileURLToPath(new URL('lock-holder.ts', import.meta.url))

let directory: string
let children: ChildProcess[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aries-lock-'))
  children = []
})
afterEach(async () => {
  for (const child of children) await kill(child)
  rmSync(directory, { recursive: true, force: true })
})

/** Another process that takes the lock and then stays, or (`leave`) has nothing more to do. */
async function startHolder(
  platform: string,
  behaviour: 'stay' | 'leave',
): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, directory, platform, behaviour], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return { child, says: said.toString().trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** The id of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

// 'darwin' stands for every platform that has only the lock file; its code runs anywhere.
describe.each(['linux', 'darwin'] as const)('process lock as on %s', (platform) => {
  test('a second lock in this process fails and names it', async () => {
    const release = await lockDirectory(directory, platform)
    await expect(lockDirectory(directory, platform)).rejects.toMatchObject({
      code: 'DB_LOCKED',
      details: { file: directory, pid: process.pid },
    })
    release()
  })

  test('the same directory by another path is locked too', async () => {
    const alias = `${directory}-alias`
    symlinkSync(directory, alias)
    try {
      const release = await lockDirectory(directory, platform)
      await expect(lockDirectory(alias, platform)).rejects.toMatchObject({ code: 'DB_LOCKED' })
      release()
    } finally {
      rmSync(alias)
    }
  })

  test('giving it back leaves nothing behind', async () => {
    const release = await lockDirectory(directory, platform)
    expect(readFileSync(join(directory, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}\n`))
    release()
    expect(readdirSync(directory)).toEqual([])
  })

  test('giving it back where nothing can be removed any more: a typed error, or none', async () => {
    const release = await lockDirectory(directory, platform)
    const path = join(directory, 'lock')
    rmSync(path)
    // Not even root can remove this as a file.
    mkdirSync(path)
    if (platform === 'linux') {
      release()
      const again = await lockDirectory(directory, platform)
      again()
    } else expect(release).toThrow(expect.objectContaining({ code: 'IO_ERROR' }))
  })

  test('a directory that has gone cannot be locked', async () => {
    await expect(lockDirectory(join(directory, 'gone'), platform)).rejects.toMatchObject({ code: 'IO_ERROR' })
  })

  test('a failed attempt leaves nothing behind either', async () => {
    const release = await lockDirectory(directory, platform)
    await expect(lockDirectory(directory, platform)).rejects.toThrow('DB_LOCKED')
    expect(readdirSync(directory)).toEqual(['lock'])
    release()
  })

  test('another process holds it until it is killed', async () => {
    const { child, says } = await startHolder(platform, 'stay')
    expect(says).toBe('locked')
    await expect(lockDirectory(directory, platform)).rejects.toMatchObject({
      code: 'DB_LOCKED',
      details: { pid: child.pid },
    })
    await kill(child)
    expect(existsSync(join(directory, 'lock'))).toBe(true)
    const release = await lockDirectory(directory, platform)
    release()
  })

  test('another process cannot take ours', async () => {
    const release = await lockDirectory(directory, platform)
    expect((await startHolder(platform, 'stay')).says).toBe(`DB_LOCKED ${process.pid}`)
    release()
  })

  test('holding it does not keep a process alive', async () => {
    const { child, says } = await startHolder(platform, 'leave')
    expect(says).toBe('locked')
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(0)
  })

  test.each([
    ['of a dead process', () => `${deadPid()}\n`],
    ['that is empty', () => ''],
    ['that is garbage', () => 'hello'],
  ])('a lock file %s does not count', async (_case, stale) => {
    writeFileSync(join(directory, 'lock'), stale())
    const release = await lockDirectory(directory, platform)
    expect(readFileSync(join(directory, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}\n`))
    await expect(lockDirectory(directory, platform)).rejects.toMatchObject({ code: 'DB_LOCKED' })
    release()
    expect(readdirSync(directory)).toEqual([])
  })
})

test('two directories have two locks', async () => {
  const other = mkdtempSync(join(tmpdir(), 'aries-lock-'))
  const release = await lockDirectory(directory)
  const releaseOther = await lockDirectory(other)
  release()
  releaseOther()
  rmSync(other, { recursive: true })
})
