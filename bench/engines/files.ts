/** Peers are looked up at run time, so that nothing here needs them to be installed. */
import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The bundle that runs in the child processes lies in `bench/dist`, this file in `bench/engines`: both find `bench/node_modules`. */
const require = createRequire(import.meta.url)

export function loadPeer<T>(packageName: string): T {
  return require(packageName) as T
}

/** Bytes of the files in a directory whose names match. */
export function fileBytes(directory: string, pattern = /./): number {
  let bytes = 0
  for (const name of readdirSync(directory)) {
    if (pattern.test(name)) bytes += statSync(join(directory, name)).size
  }
  return bytes
}
