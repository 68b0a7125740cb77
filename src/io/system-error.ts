/** Errors shaped as the operating system's, for the file systems that have no operating system. */

/** The codes the in-memory and the simulated file system give. */
export const ERRNOS = [
  'ENOENT',
  'EEXIST',
  'EBADF',
  'EINVAL',
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EMFILE',
  'EINTR',
  'EAGAIN',
] as const
export type Errno = (typeof ERRNOS)[number]

/** What Node would throw: an `Error` with a `code` (promise 7 of file-system.ts). */
export function systemError(code: Errno, doing: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${doing} '${file}'`), { code })
}
