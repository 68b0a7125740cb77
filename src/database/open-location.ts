/** Opening where a user says: a directory of this host, or a file system of the user's own. */
import { invalid } from '../common/options.ts'
import type { FileSystem } from '../io/file-system.ts'
import { NodeFileSystem } from '../io/node-file-system.ts'
import { nodeRuntime } from '../io/node-runtime.ts'
import type { Database } from './database.ts'
import { type OpenedParts, openOn } from './open-on.ts'
import { type OpenOptions, settingsOf } from './options.ts'

/**
 * Opens the database in a directory, or on a `FileSystem`. After a crash this runs restart first:
 * when it resolves, everything acknowledged is there and nothing else is.
 *
 * @throws `DB_NOT_FOUND` without `createIfMissing`; `DB_LOCKED`; `FORMAT_UNSUPPORTED`; `LOG_CORRUPT`,
 *   `LOG_FOREIGN`, `MASTER_CORRUPT`, `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG` for damage, before anything is
 *   changed where that is possible; `DISK_FULL`; `DB_READ_ONLY`; `IO_ERROR`; `INVALID_ARGUMENT`
 */
export async function open(location: string | FileSystem, options: OpenOptions = {}): Promise<Database> {
  return (await openParts(location, options)).database
}

/** The same for the tools of this package, which look at what the database stands on. */
export async function openParts(location: string | FileSystem, options: OpenOptions): Promise<OpenedParts> {
  const settings = settingsOf(options)
  // An unset variable, most likely; as a path it would be the working directory.
  if (location === '') throw invalid('open takes a path or a FileSystem, and the path is empty')
  const fileSystem = typeof location === 'string' ? NodeFileSystem.open(location, settings) : location
  if (typeof fileSystem?.lock !== 'function') throw invalid('open takes a path or a FileSystem')
  return openOn(fileSystem, options.runtime ?? nodeRuntime, options, settings)
}
