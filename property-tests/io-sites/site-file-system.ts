/**
 * A simulated disk that knows who calls it, and fails a chosen call. Watching, it notes for each call of
 * the port from which site of the engine it comes and by which way it got there; failing, it counts calls
 * and does what was asked for at the chosen one, and with `sticky` at every later one of the same method.
 *
 *   EIO     the call fails as a bad disk's does: a sync drops what it should have kept (F9), a write has
 *           done its first half (F12), a file is closed all the same (F11)
 *   ENOSPC  the disk is full (F14), for what can need room
 *   short   a transfer does its first half, without an error (F13, F17)
 *   flip    a read is wrong in one bit, without an error, and the next one is good (F19)
 *   throw   an exception that is no system's error comes out of the port, and nothing happens (F27)
 */
import { fileURLToPath } from 'node:url'
import { AriesError } from '../../src/common/errors.ts'
import type { File, FileSystem, OpenMode } from '../../src/io/file-system.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { type Errno, systemError } from '../../src/io/system-error.ts'
import { enginePathOf, type Method } from './static-sites.ts'

export const FAULTS = ['EIO', 'ENOSPC', 'short', 'throw'] as const
export type Fault = (typeof FAULTS)[number] | 'flip'

/** Whether the engine gets over it, so that nobody hears of it: such a call is simply made again. */
export const isPassedOver = (fault: Fault): boolean => fault === 'short' || fault === 'flip'

export interface Injection {
  /** The number of the call, from 1. */
  readonly call: number
  readonly fault: Fault
  readonly sticky: boolean
}

/** One call of the port, as watched. */
export interface WatchedCall {
  readonly number: number
  readonly method: Method
  readonly file: string
  readonly mode: OpenMode | undefined
  readonly length: number
  /** The name of its site; undefined when no frame of the engine's is on the stack. */
  readonly site: string | undefined
  /** Tells calls of one site apart, when several share its name. */
  readonly position: string
  /** The functions of the engine that led there, innermost first. */
  readonly way: string
}

interface Request {
  readonly method: Method
  readonly file: string
  readonly mode?: OpenMode | undefined
  readonly length?: number
}

/** How else a transfer can go. */
interface OtherWays<T> {
  readonly half?: () => T
  readonly flipped?: () => T
}

/** What can fail for lack of room. */
const NEEDS_ROOM: ReadonlySet<Method> = new Set<Method>([
  'writeAt',
  'truncate',
  'rename',
  'sync',
  'syncBlocking',
  'syncDirectory',
  'syncNames',
  'lock',
])

/** Whether a fault makes sense for a call. */
export function applies(fault: Fault, { method, mode, length }: Omit<Request, 'file'>): boolean {
  if (fault === 'flip') return method === 'readAt'
  if (fault === 'ENOSPC') return NEEDS_ROOM.has(method) || mode === 'create'
  return fault !== 'short' || ((method === 'readAt' || method === 'writeAt') && (length ?? 0) > 1)
}

const ERRNO: Readonly<Record<string, number>> = { EIO: -5, ENOSPC: -28 }
const FRAMES_MAX = 40
const WAY_MAX = 4

export class SiteFileSystem implements FileSystem {
  readonly location = 'simulated'
  /** Set it to an array to have every call noted there. */
  watched: WatchedCall[] | undefined
  injection: Injection | undefined
  /** The request that was failed first. */
  struck: Request | undefined
  onStrike: ((request: Request) => void) | undefined
  /** Files that were opened and not closed. */
  openFiles = 0
  /** Called before each call that is made after the fault. */
  afterStrike: ((request: Request) => void) | undefined
  /** What was thrown, so that it can be recognised. */
  readonly thrown = new Set<unknown>()
  readonly disk: SimulatedFileSystem
  /** Set it for a database that relies on it: then a failed write has done nothing. */
  writesPagesWhole = false
  #calls = 0

  constructor(disk: SimulatedFileSystem) {
    this.disk = disk
  }

  get writable(): boolean {
    return this.disk.writable
  }

  list(): string[] {
    return this.call({ method: 'list', file: '' }, () => this.disk.list())
  }

  open(name: string, mode: OpenMode): File {
    const file = this.call({ method: 'open', file: name, mode }, () => new SiteFile(this, this.disk.open(name, mode)))
    this.openFiles++
    return file
  }

  rename(from: string, to: string): void {
    this.call({ method: 'rename', file: from }, () => this.disk.rename(from, to))
  }

  remove(name: string): void {
    this.call({ method: 'remove', file: name }, () => this.disk.remove(name))
  }

  syncDirectory(): void {
    this.call({ method: 'syncDirectory', file: '' }, () => this.disk.syncDirectory())
  }

  async syncNames(): Promise<void> {
    return this.call({ method: 'syncNames', file: '' }, () => this.disk.syncNames())
  }

  async lock(): Promise<() => void> {
    return this.call({ method: 'lock', file: '' }, () => this.disk.lock())
  }

  /** The one way to the disk. `whole` does what is asked; `half`, of a transfer, its first half; `flipped` reads wrong. */
  call<T>(request: Request, whole: () => T, { half, flipped }: OtherWays<T> = {}): T {
    const number = ++this.#calls
    this.watched?.push(watch(number, request))
    const fault = this.#faultFor(number, request)
    if (this.struck !== undefined) this.afterStrike?.(request)
    if (fault === undefined) return whole()
    if (this.struck === undefined) {
      this.struck = request
      this.onStrike?.(request)
    }
    if (fault === 'short') return (half as () => T)()
    if (fault === 'flip') return (flipped as () => T)()
    if (fault === 'throw') throw this.#mark(new TypeError('thrown by the port'))
    if (isSync(request.method)) return this.#failSync(fault, request.method, whole)
    if (request.method === 'writeAt' && !this.writesPagesWhole) half?.()
    if (request.method === 'close') whole()
    throw this.#mark(errorOf(fault, request))
  }

  /** The disk drops what was to be synced, and says so. */
  #failSync<T>(errno: Errno, method: Method, whole: () => T): T {
    this.disk.failNext(method === 'syncDirectory' || method === 'syncNames' ? 'syncDirectory' : 'sync', { errno })
    try {
      const result = whole()
      const failed = (error: unknown): never => {
        throw this.#mark(error)
      }
      if (!(result instanceof Promise)) return result
      // A slow sync that the scenario has asked for comes first, and then the one that fails.
      return result.then(() => (whole() as Promise<void>).catch(failed), failed) as T
    } catch (error) {
      throw this.#mark(error)
    }
  }

  #mark(error: unknown): unknown {
    this.thrown.add(error)
    return error
  }

  #faultFor(number: number, request: Request): Fault | undefined {
    const { injection } = this
    if (injection === undefined || number < injection.call) return undefined
    const isHit = number === injection.call || (injection.sticky && request.method === this.struck?.method)
    return isHit && applies(injection.fault, request) ? injection.fault : undefined
  }
}

export const isSync = (method: Method): boolean =>
  method === 'sync' || method === 'syncBlocking' || method === 'syncDirectory' || method === 'syncNames'

/** The error as Node would give it; a lock is taken with an error of ours, as `process-lock.ts` does. */
function errorOf(code: Errno, { method, file }: Request): Error {
  if (method === 'lock') return new AriesError('IO_ERROR', `lock of the directory failed: ${code}`)
  return Object.assign(systemError(code, method, file), { errno: ERRNO[code] })
}

class SiteFile implements File {
  readonly name: string
  readonly #fileSystem: SiteFileSystem
  readonly #inner: File

  constructor(fileSystem: SiteFileSystem, inner: File) {
    this.name = inner.name
    this.#fileSystem = fileSystem
    this.#inner = inner
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    const read = (count: number): number => this.#inner.readAt(target, targetStart, count, fileOffset)
    const flipped = (): number => {
      const count = read(length)
      flipLast(target, targetStart, targetStart + count)
      return count
    }
    return this.#call({ method: 'readAt', length }, () => read(length), { half: () => read(halfOf(length)), flipped })
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    const write = (count: number): number => this.#inner.writeAt(source, sourceStart, count, fileOffset)
    return this.#call({ method: 'writeAt', length }, () => write(length), { half: () => write(halfOf(length)) })
  }

  size(): number {
    return this.#call({ method: 'size' }, () => this.#inner.size())
  }

  truncate(size: number): void {
    this.#call({ method: 'truncate' }, () => this.#inner.truncate(size))
  }

  async sync(): Promise<void> {
    return this.#call({ method: 'sync' }, () => this.#inner.sync())
  }

  syncBlocking(): void {
    this.#call({ method: 'syncBlocking' }, () => this.#inner.syncBlocking())
  }

  close(): void {
    this.#fileSystem.openFiles--
    this.#call({ method: 'close' }, () => this.#inner.close())
  }

  #call<T>(request: Omit<Request, 'file'>, whole: () => T, others?: OtherWays<T>): T {
    return this.#fileSystem.call({ ...request, file: this.name }, whole, others)
  }
}

const halfOf = (length: number): number => Math.ceil(length / 2)

/** A bit in the last byte that is not zero: of the end of the log that is in the record which nothing behind it proves. */
function flipLast(bytes: Uint8Array, start: number, end: number): void {
  let at = end - 1
  while (at > start && bytes[at] === 0) at--
  if (at >= start) bytes[at] = (bytes[at] as number) ^ 0x10
}

/** Notes who is calling: the functions of the engine on the stack, by their names in it. */
function watch(number: number, { method, file, mode, length = 0 }: Request): WatchedCall {
  const frames = engineFrames()
  const [first] = frames
  return {
    number,
    method,
    file,
    mode,
    length,
    site: first === undefined ? undefined : `${first.path} ${first.name} ${method}`,
    position: first?.position ?? '',
    way: frames
      .slice(0, WAY_MAX)
      .map(({ name }) => name)
      .join(' < '),
  }
}

interface Frame {
  readonly path: string
  readonly name: string
  readonly position: string
}

/** The named functions of the engine on the stack, innermost first; a call in an arrow function is its maker's. */
function engineFrames(): Frame[] {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES_MAX
  Error.prepareStackTrace = (_error, sites) => sites
  const sites = (new Error('watched') as { stack?: unknown }).stack as NodeJS.CallSite[]
  Error.prepareStackTrace = prepareStackTrace
  Error.stackTraceLimit = stackTraceLimit
  const frames: Frame[] = []
  let position = ''
  for (const site of sites) {
    const file = site.getFileName()
    const path = file == null ? undefined : enginePathOf(file.startsWith('file:') ? fileURLToPath(file) : file)
    if (path === undefined) continue
    position ||= `${site.getLineNumber()}:${site.getColumnNumber()}`
    const name = site.getFunctionName()?.split('.').at(-1)
    if (name == null || name === '' || name === '<anonymous>') continue
    frames.push({ path, name: name.replace(/^(get|set|new|async) /, ''), position })
  }
  return frames
}
