/** Sizes of directories, copies of them, and their files read once so that the system has them in memory. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
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
