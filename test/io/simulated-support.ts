/** Small files, written and shown in a line, for the tests of the simulated disk. */
import { type File, type FileSystem, readFully, writeFully } from '../../src/io/file-system.ts'
import { SECTOR_BYTES } from '../../src/io/simulated-changes.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

export const NOTHING = { mode: 'none' } as const
export const EVERYTHING = { mode: 'all' } as const
export const KILL = { mode: 'kill' } as const

export function put(file: File, bytes: Uint8Array, offset = 0): void {
  writeFully(file, bytes, 0, bytes.length, offset)
}

/** `count` bytes, all `value`. */
export function run(count: number, value: number): Uint8Array {
  return new Uint8Array(count).fill(value)
}

export function sectors(count: number, value: number): Uint8Array {
  return run(count * SECTOR_BYTES, value)
}

export function bytesOf(fileSystem: FileSystem, name: string): Uint8Array {
  const file = fileSystem.open(name, 'read')
  const bytes = new Uint8Array(file.size())
  readFully(file, bytes, 0, bytes.length, 0)
  file.close()
  return bytes
}

/** The bytes as text, runs of one value together: '512x1 100x0'. */
export function shape(bytes: Uint8Array): string {
  const runs: { value: number; count: number }[] = []
  for (const value of bytes) {
    const last = runs.at(-1)
    if (last?.value === value) last.count++
    else runs.push({ value, count: 1 })
  }
  return runs.map(({ value, count }) => `${count}x${value}`).join(' ')
}

/** Every name with its content. */
export function state(fileSystem: FileSystem): string {
  return fileSystem
    .list()
    .map((name) => `${name}: ${shape(bytesOf(fileSystem, name))}`)
    .join('; ')
}

/** A file whose content and name are durable. */
export function durableFile(disk: SimulatedFileSystem, name: string, bytes: Uint8Array): File {
  const file = disk.open(name, 'create')
  put(file, bytes)
  file.syncBlocking()
  disk.syncDirectory()
  return file
}

/** All states that `seeds` random crashes of the disk lead to. */
export function statesSeen(disk: SimulatedFileSystem, seeds = 500): Set<string> {
  const seen = new Set<string>()
  for (let seed = 0; seed < seeds; seed++) seen.add(state(disk.crash(seed)))
  return seen
}
