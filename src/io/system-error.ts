/** Errors shaped as the operating system's, for the file systems that have no operating system. */

/** The codes the in-memory and the simulated file system give. */
export type Errno =
  | 'ENOENT'
  | 'EEXIST'
  | 'EBADF'
  | 'EINVAL'
  | 'EIO'
  | 'ENOSPC'
  | 'EDQUOT'
  | 'EFBIG'
  | 'EROFS'
  | 'EMFILE'
  | 'EINTR'
  | 'EAGAIN'

/** By their names, so that none is missing that the type has. */
const CODES: Readonly<Record<Errno, true>> = {
  ENOENT: true,
  EEXIST: true,
  EBADF: true,
  EINVAL: true,
  EIO: true,
  ENOSPC: true,
  EDQUOT: true,
  EFBIG: true,
  EROFS: true,
  EMFILE: true,
  EINTR: true,
  EAGAIN: true,
}
export const ERRNOS = Object.keys(CODES) as readonly Errno[]

/** What Node would throw: an `Error` with a `code` (promise 7 of file-system.ts). */
export function systemError(code: Errno, doing: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${doing} '${file}'`), { code })
}
