/** An open file of the simulated disk: the port's methods over what the disk does. */
import { assert } from '../common/assert.ts'
import type { File } from './file-system.ts'
import type { SimulatedContent } from './simulated-content.ts'
import { systemError } from './system-error.ts'

/** A sync under way. */
export interface SimulatedSync {
  /** Resolves when the disk is done. */
  wait(): Promise<void>
  /** Makes the changes durable, or throws. */
  complete(): void
}

/** The disk as its open files see it. */
export interface SimulatedDisk {
  read(name: string, content: SimulatedContent, target: Uint8Array, offset: number): number
  size(name: string, content: SimulatedContent): number
  write(name: string, content: SimulatedContent, source: Uint8Array, offset: number): number
  truncate(name: string, content: SimulatedContent, size: number): void
  /** Starts a sync of the changes made so far. */
  startSync(name: string, content: SimulatedContent): SimulatedSync
  close(name: string): void
}

export class SimulatedFile implements File {
  readonly name: string
  readonly #disk: SimulatedDisk
  readonly #content: SimulatedContent
  readonly #writable: boolean
  #open = true

  constructor(disk: SimulatedDisk, name: string, content: SimulatedContent, writable: boolean) {
    this.name = name
    this.#disk = disk
    this.#content = content
    this.#writable = writable
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    return this.#disk.read(this.name, this.#content, target.subarray(targetStart, targetStart + length), fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EBADF', 'write', this.name)
    return this.#disk.write(this.name, this.#content, source.subarray(sourceStart, sourceStart + length), fileOffset)
  }

  size(): number {
    this.#assertOpen()
    return this.#disk.size(this.name, this.#content)
  }

  truncate(size: number): void {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EINVAL', 'truncate', this.name)
    this.#disk.truncate(this.name, this.#content, size)
  }

  async sync(): Promise<void> {
    this.#assertOpen()
    const sync = this.#disk.startSync(this.name, this.#content)
    await sync.wait()
    sync.complete()
  }

  syncBlocking(): void {
    this.#assertOpen()
    this.#disk.startSync(this.name, this.#content).complete()
  }

  /** Closed it is also when this throws. */
  close(): void {
    this.#assertOpen()
    this.#open = false
    this.#disk.close(this.name)
  }

  #assertOpen(): void {
    assert(this.#open, 'file used after close')
  }
}
