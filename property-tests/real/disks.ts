/**
 * Real file systems that bad things are done to, each in an image file of its own:
 *
 *   LoopDisk      its power can be cut
 *   FailingDisk   its writes fail while a trigger file exists
 *   Tmpfs         small: room or inodes run out when it is stuffed
 *
 * The power is cut by the shutdown call of the file system: from then on nothing reaches the image, as
 * if the machine had stopped, and unmounting throws the cache away. Cut under a running sync, it can
 * report that sync as done: so the writer is to be stopped first.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Cleanup } from './command.ts'
import { isMounted, run, start, Unavailable } from './machine.ts'

export type FileSystemKind = 'ext4' | 'xfs'

/** The least that mkfs.xfs accepts, and some. */
const IMAGE_BYTES = 320 << 20
const BALLAST_BYTES = 1 << 16
const BALLAST = 'ballast'
const POLL_MS = 20
const START_MS_MAX = 10_000

function makeImage(path: string, kind: FileSystemKind): void {
  closeSync(openSync(path, 'w'))
  truncateSync(path, IMAGE_BYTES)
  // Without blocks that only root may use: we are root.
  const options = kind === 'ext4' ? ['-q', '-F', '-m', '0'] : ['-q', '-f']
  run(`mkfs.${kind}`, ...options, path)
}

/** Something mounted on `directory`. */
abstract class Mount {
  readonly directory: string
  readonly #cleanup: Cleanup
  #undo: (() => void) | undefined

  constructor(cleanup: Cleanup, home: string) {
    this.#cleanup = cleanup
    this.directory = join(home, 'mnt')
    mkdirSync(this.directory)
  }

  protected mountWith(...parameters: readonly string[]): void {
    try {
      run('mount', ...parameters, this.directory)
    } catch (error) {
      throw new Unavailable(`needs to mount: ${(error as Error).message}`)
    }
    this.#undo = this.#cleanup.add(() => this.#unmount())
  }

  unmount(): void {
    this.#undo?.()
    this.#undo = undefined
  }

  remount(options: 'ro' | 'rw'): void {
    run('mount', '-o', `remount,${options}`, this.directory)
  }

  /** At the end of this process another one may still be about to let go: then the mount goes when it does. */
  #unmount(): void {
    try {
      run('umount', this.directory)
    } catch {
      run('umount', '--lazy', this.directory)
    }
  }
}

export class LoopDisk extends Mount {
  readonly #image: string

  constructor(cleanup: Cleanup, kind: FileSystemKind) {
    const home = cleanup.temporaryDirectory()
    super(cleanup, home)
    this.#image = join(home, 'disk.img')
    makeImage(this.#image, kind)
  }

  mount(): void {
    this.mountWith('-o', 'loop', this.#image)
  }

  /** Only unmounting works afterwards. */
  cutPower(): void {
    run('xfs_io', '-x', '-c', 'shutdown', this.directory)
  }
}

/**
 * ```
 *   mount -> loop device -> nbdfuse -> nbdkit, which fails writes on demand -> image
 * ```
 */
export class FailingDisk extends Mount {
  readonly #cleanup: Cleanup
  readonly #home: string
  readonly #trigger: string
  #undo: (() => void)[] = []
  #serverEnded: Promise<unknown> = Promise.resolve()

  constructor(cleanup: Cleanup, kind: FileSystemKind) {
    const home = cleanup.temporaryDirectory()
    super(cleanup, home)
    this.#cleanup = cleanup
    this.#home = home
    this.#trigger = join(home, 'fail')
    makeImage(join(home, 'disk.img'), kind)
    mkdirSync(join(home, 'nbd'))
  }

  async mount(): Promise<void> {
    const served = join(this.#home, 'nbd', 'nbd')
    await this.#serve(served)
    const device = run('losetup', '--find', '--show', served)
    this.#undo.push(this.#cleanup.add(() => void run('losetup', '--detach', device)))
    this.mountWith(device)
  }

  setFailing(fails: boolean): void {
    if (fails) writeFileSync(this.#trigger, '')
    else rmSync(this.#trigger, { force: true })
  }

  /** Unmounts and takes everything below apart; the disk works meanwhile. */
  async detach(): Promise<void> {
    this.setFailing(false)
    this.unmount()
    for (const undo of this.#undo.splice(0).reverse()) undo()
    await this.#serverEnded
  }

  async #serve(served: string): Promise<void> {
    const filter = ['error=EIO', 'error-pwrite-rate=100%', `error-file=${this.#trigger}`]
    const command = ['nbdkit', '-s', '--filter=error', 'file', join(this.#home, 'disk.img'), ...filter]
    const server = start('nbdfuse', served, '--command', ...command)
    this.#serverEnded = new Promise((resolve) => server.once('close', () => resolve('ended')))
    const directory = dirname(served)
    this.#undo.push(this.#cleanup.add(() => void (isMounted(directory) && run('umount', '--lazy', directory))))
    for (let waitedMs = 0; !isServed(served); waitedMs += POLL_MS) {
      const state = await Promise.race([this.#serverEnded, setTimeout(POLL_MS, 'waiting')])
      if (state === 'ended' || waitedMs > START_MS_MAX) throw new Unavailable('needs nbdfuse to work')
    }
  }
}

function isServed(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === IMAGE_BYTES
}

export class Tmpfs extends Mount {
  constructor(cleanup: Cleanup, options: string) {
    super(cleanup, cleanup.temporaryDirectory())
    this.mountWith('-t', 'tmpfs', '-o', options, 'tmpfs')
  }

  /** Takes all the room there is. */
  takeRoom(): void {
    const file = openSync(join(this.directory, BALLAST), 'a')
    try {
      while (writeSync(file, new Uint8Array(BALLAST_BYTES)) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** Takes all the inodes there are. */
  takeInodes(): void {
    try {
      for (let number = 0; ; number++) writeFileSync(join(this.directory, `${BALLAST}-${number}`), '')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  /** Gives back what was taken. */
  makeRoom(): void {
    for (const name of readdirSync(this.directory)) {
      if (name.startsWith(BALLAST)) rmSync(join(this.directory, name))
    }
  }
}
