/** Transactions of the engine's own, such as those that free pages after a commit. */
import { expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import type { PageId } from '../../src/common/ids.ts'
import { openOn } from '../../src/database/open-on.ts'
import { type OpenOptions, settingsOf } from '../../src/database/options.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import type { LogManager } from '../../src/log/log-manager.ts'

const OPTIONS: OpenOptions = { createIfMissing: true, pageSize: 4096, segmentBytes: 65536 }

function openParts(disk: SimulatedFileSystem): ReturnType<typeof openOn> {
  return openOn(disk, new SimulatedRuntime(1), OPTIONS, settingsOf(OPTIONS))
}

/** Holds back all room that the log has and can get; how many bytes. */
function holdAllRoom(log: LogManager): number {
  let held = 0
  for (let bytes = 65536; bytes >= 1; ) {
    try {
      log.reserve(bytes, 0)
      held += bytes
    } catch (error) {
      expect(AriesError.is(error) && error.code).toBe('DISK_FULL')
      bytes = Math.floor(bytes / 2)
    }
  }
  return held
}

test('one that meets a full disk at its COMMIT is rolled back, once', async () => {
  const disk = new SimulatedFileSystem()
  const { database, opened } = await openParts(disk)
  const { space, table, systemTransactions, log } = opened.managers
  disk.failNext('write', { file: /^log-new$/, errno: 'ENOSPC', times: Number.POSITIVE_INFINITY })
  let page = 0 as PageId
  let held = 0
  const allocate = (): void => {
    systemTransactions.run((entry) => {
      page = space.allocate(entry)
      held = holdAllRoom(log)
    })
  }
  expect(allocate).toThrow('DISK_FULL')
  expect(space.isAllocated(page)).toBe(false)
  expect(table.size).toBe(0)

  // What the next one does with the page, a restart does not undo.
  log.release(held)
  systemTransactions.run((entry) => {
    expect(space.allocate(entry)).toBe(page)
  })
  await database.flush()
  const reopened = await openParts(disk.crash({ mode: 'none' }))
  expect(reopened.opened.managers.space.isAllocated(page)).toBe(true)
})
