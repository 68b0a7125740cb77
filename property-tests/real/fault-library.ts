/** Builds what `fault-injection.c` is, and says how a process gets it. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cleanup } from './command.ts'
import { run, Unavailable } from './machine.ts'

const SOURCE = fileURLToPath(new URL('fault-injection.c', import.meta.url))

/** The environment of a process whose calls on files below `directory` are counted. @throws `Unavailable` */
export function faultLibrary(cleanup: Cleanup, directory: string): NodeJS.ProcessEnv {
  const library = join(cleanup.temporaryDirectory(), 'fault-injection.so')
  try {
    run('cc', '-shared', '-fPIC', '-O2', '-o', library, SOURCE, '-ldl')
  } catch (error) {
    throw new Unavailable(`needs a C compiler that works: ${(error as Error).message}`)
  }
  return { LD_PRELOAD: library, UNDER: directory }
}
