/** A database is open once at a time, and an open that failed leaves nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { open } from '../../src/database/open-location.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { expectDiskHas, expectFailure, openOn, writeRows } from './support.ts'

describe('two opens', () => {
  test('of one file system', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await expectFailure(() => openOn(disk), 'DB_LOCKED', 'open already; close')
    await writeRows(db, 0, 3)
    await db.close()
    await expectDiskHas(disk, 3)
  })

  test('of one directory in this process and in another one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'aries-two-'))
    try {
      const db = await open(directory, { createIfMissing: true, segmentBytes: 262144 })
      const here = await expectFailure(() => open(directory), 'DB_LOCKED', 'is open already by process')
      expect(here.details['pid']).toBe(process.pid)
      const program = `
        import { open } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
        await open(${JSON.stringify(directory)}).then(() => console.log('opened'), (e) => console.log(e.code, e.details.pid))`
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [said] = (await once(child.stdout, 'data')) as [Buffer]
      expect(said.toString().trim()).toBe(`DB_LOCKED ${process.pid}`)
      await once(child, 'exit')
      await writeRows(db, 0, 3)
      await db.close()
      await expectDiskHas(
        (await import('../../src/io/node-file-system.ts')).NodeFileSystem.open(directory, { createIfMissing: false }),
        3,
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('an open that failed leaves the directory free, and no file open', async () => {
    const disk = new CountingFileSystem(new SimulatedFileSystem())
    await (await openOn(disk)).close()
    expect(disk.openFiles.size).toBe(0)
    disk.inner.flipBit('log-000000000000', 33, 1)
    await expectFailure(() => openOn(disk), 'LOG_CORRUPT', 'log-000000000000')
    expect([...disk.openFiles]).toEqual([])
    disk.inner.flipBit('log-000000000000', 33, 1)
    // Whichever of the files it is that cannot be opened.
    for (let skip = 0; skip < 6; skip++) {
      disk.inner.failNext('open', { errno: 'EMFILE', skip })
      await expectFailure(() => openOn(disk), 'IO_ERROR', 'EMFILE')
      expect([...disk.openFiles]).toEqual([])
      disk.inner.clearFaults()
    }
    await expectDiskHas(disk, 0)
    expect(disk.openFiles.size).toBe(0)
  })
})

/** Passes everything on and remembers which files are open. */
class CountingFileSystem {
  readonly inner: SimulatedFileSystem
  readonly openFiles = new Set<string>()
  readonly location = 'counting'
  readonly writable = true
  #count = 0

  constructor(inner: SimulatedFileSystem) {
    this.inner = inner
  }

  list = (): string[] => this.inner.list()
  rename = (from: string, to: string): void => this.inner.rename(from, to)
  remove = (name: string): void => this.inner.remove(name)
  syncDirectory = (): void => this.inner.syncDirectory()
  syncNames = (): Promise<void> => this.inner.syncNames()
  lock = (): Promise<() => void> => this.inner.lock()

  open(name: string, mode: 'read' | 'write' | 'create'): ReturnType<SimulatedFileSystem['open']> {
    const file = this.inner.open(name, mode)
    const label = `${name} #${this.#count++}`
    this.openFiles.add(label)
    const close = file.close.bind(file)
    file.close = (): void => {
      this.openFiles.delete(label)
      close()
    }
    return file
  }
}
