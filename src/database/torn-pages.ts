/**
 * What an unclean shutdown has done to pages: some were under way to their places, and are torn there or whole in the
 * system's cache only. Before anything looks at a page, whole ones of them are written again and torn ones come back
 * from the double-write file (I25).
 */
import { DATA_FILE_NAME, DataFile } from '../buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME, DoubleWrite } from '../buffer/double-write.ts'
import type { PageId } from '../common/ids.ts'
import { cleaningUp, closeAll, closeFile, type File, type FileSystem, ioError } from '../io/file-system.ts'
import type { Identity } from '../log/identity.ts'
import type { Analysis } from '../recovery/analysis.ts'
import { openFile } from './files.ts'

/**
 * Makes whole what can be, durably; which pages came back. Those that were under way when the engine stopped are in the
 * double-write file, which must not be used again before they are in their places. Where it holds no batch, the session
 * that stopped may have been one without it, whatever this one is: then they are among the dirty ones.
 * @throws `DISK_FULL`, `IO_ERROR`
 */
export function restoreTornPages(
  dataFile: DataFile,
  doubleWrite: DoubleWrite | undefined,
  { dirtyPages }: Analysis,
): PageId[] {
  const unfinished = doubleWrite?.unfinishedPages
  dataFile.writeAgain(
    unfinished === undefined ? dirtyPages : [...dirtyPages].filter(([pageId]) => unfinished.has(pageId)),
  )
  return doubleWrite?.restore(dataFile) ?? []
}

/**
 * For an open without double-writing: removes the file, so that no later open restores from it. The shutdown before may
 * have been one with it, and an unclean one: then it is still needed this once. Returns which pages came back.
 *
 * Of a removal whose sync has failed the system may show what the disk does not have, so the file may come back later
 * (F11). It is emptied first: then its old copies do not.
 * @throws `DISK_FULL`, `IO_ERROR`
 */
export function giveUpDoubleWrite(
  fileSystem: FileSystem,
  identity: Identity,
  analysis: Analysis,
  isClean: boolean,
): PageId[] {
  if (!fileSystem.writable || !fileSystem.list().includes(DOUBLE_WRITE_FILE_NAME)) return []
  const restored = restoreAndEmpty(fileSystem, identity, analysis, isClean)
  try {
    fileSystem.remove(DOUBLE_WRITE_FILE_NAME)
    fileSystem.syncDirectory()
  } catch (error) {
    throw ioError(error, 'removing', DOUBLE_WRITE_FILE_NAME)
  }
  return restored
}

/** Restores, unless the shutdown was clean, and empties the file. */
function restoreAndEmpty(fileSystem: FileSystem, identity: Identity, analysis: Analysis, isClean: boolean): PageId[] {
  const files: File[] = []
  let restored: PageId[]
  try {
    const data = openFile(fileSystem, DATA_FILE_NAME, 'write')
    files.push(data)
    const doubled = openFile(fileSystem, DOUBLE_WRITE_FILE_NAME, 'write')
    files.push(doubled)
    const doubleWrite = new DoubleWrite(doubled, identity)
    restored = isClean ? [] : restoreTornPages(new DataFile(data, identity), doubleWrite, analysis)
    doubleWrite.giveBackRoom()
  } catch (error) {
    throw cleaningUp(error, () => closeEach(files))
  }
  closeEach(files)
  return restored
}

function closeEach(files: readonly File[]): void {
  closeAll(files.map((file) => () => closeFile(file)))
}
