/** On what the figures were taken. */
import { statfsSync } from 'node:fs'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Magic numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
}

export function fileSystemOf(directory: string): string {
  const { type: magic } = statfsSync(directory)
  return FILE_SYSTEMS[magic] ?? `0x${magic.toString(16)}`
}

export function machineOf(directory: string): Record<string, string> {
  return {
    processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, ${arch()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    'file system': fileSystemOf(directory),
    'Node.js': process.versions.node,
  }
}
