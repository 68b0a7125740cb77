/** What is on disk below a directory: how much it is, that it is there durably, and in the system's memory. */
import { closeSync, fsyncSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK_BYTES = 512
const READ_BYTES = 1 << 20

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Bytes on disk of all files below a directory: blocks that are allocated, not lengths that are claimed. */
export function fileTreeBytes(directory: string): number {
  return filesIn(directory).reduce((sum, file) => sum + statSync(file).blocks * BLOCK_BYTES, 0)
}

/** Reads every file below a directory, so that the measurement meets it in the system's memory. */
export function warmFiles(directory: string): void {
  const target = Buffer.alloc(READ_BYTES)
  for (const file of filesIn(directory)) {
    const handle = openSync(file, 'r')
    while (readSync(handle, target, 0, READ_BYTES, null) > 0);
    closeSync(handle)
  }
}

/**
 * Makes every file below a directory durable, so that no sync of a measurement has to write what was loaded or
 * copied before it. An engine that syncs the files it changes would pay for it, and one that only makes new ones not.
 */
export function syncFiles(directory: string): void {
  for (const file of filesIn(directory)) {
    const handle = openSync(file, 'r+')
    fsyncSync(handle)
    closeSync(handle)
  }
}
