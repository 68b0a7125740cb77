/** An open file of the simulated disk: the port's methods over what the disk does. */
import { assert } from '../common/assert.ts'
import type { File } from './file-system.ts'
import type { SimulatedContent } from './simulated-content.ts'
import { systemError } from './system-error.ts'

/** The disk as its open files see it: every method counts as an operation but `size`. */
export interface SimulatedDisk {
  read(
    name: string,
    content: SimulatedContent,
    target: Uint8Array,
    targetStart: number,
    length: number,
    offset: number,
  ): number
  size(content: SimulatedContent): number
  write(name: string, content: SimulatedContent, source: Uint8Array, offset: number): number
  truncate(name: string, content: SimulatedContent, size: number): void
  /** Starts a sync of the changes made so far; the returned function completes it. */
  startSync(name: string, content: SimulatedContent): () => void
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
    return this.#disk.read(this.name, this.#content, target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EBADF', 'write', this.name)
    return this.#disk.write(this.name, this.#content, source.subarray(sourceStart, sourceStart + length), fileOffset)
  }

  size(): number {
    this.#assertOpen()
    return this.#disk.size(this.#content)
  }

  truncate(size: number): void {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EINVAL', 'truncate', this.name)
    this.#disk.truncate(this.name, this.#content, size)
  }

  async sync(): Promise<void> {
    this.#assertOpen()
    const complete = this.#disk.startSync(this.name, this.#content)
    await undefined
    complete()
  }

  syncBlocking(): void {
    this.#assertOpen()
    this.#disk.startSync(this.name, this.#content)()
  }

  close(): void {
    this.#assertOpen()
    this.#open = false
  }

  #assertOpen(): void {
    assert(this.#open, 'file used after close')
  }
}
