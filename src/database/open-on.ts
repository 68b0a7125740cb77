/**
 * Opening on a file system and a runtime that are given: nothing here or below knows of a host, so it works
 * in a browser too.
 */
import { type FileSystem, ioError } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { Database } from './database.ts'
import { type Opened, openFiles } from './open.ts'
import type { OpenOptions, Settings } from './options.ts'

/** A database and what it stands on. */
export interface OpenedParts {
  readonly database: Database
  readonly opened: Opened
}

/** @throws as `open` in `open-location.ts` */
export async function openOn(
  fileSystem: FileSystem,
  runtime: Runtime,
  options: OpenOptions,
  settings: Settings,
): Promise<OpenedParts> {
  const unlock = await fileSystem.lock()
  try {
    const opened = await openFiles({ fileSystem, settings, options, runtime })
    return { database: new Database(opened, settings, runtime, fileSystem, unlock), opened }
  } catch (error) {
    unlock()
    throw ioErrorOrBug(error, fileSystem)
  }
}

/** Systems name their errors in capitals, such as EIO or ENOSPC (promise 7 of the port). */
const SYSTEM_CODE = /^E[A-Z0-9]+$/

function ioErrorOrBug(error: unknown, fileSystem: FileSystem): unknown {
  const code = (error as { code?: unknown } | null)?.code
  const isSystemError = typeof code === 'string' && SYSTEM_CODE.test(code)
  return isSystemError ? ioError(error, 'opening', fileSystem.location) : error
}
