/**
 * A disk that is full, or of which pages cannot be read, for a while (F14, F16). Meanwhile operations may fail with what
 * the disk says, and nothing else; a rollback that fails leaves its transaction stuck. When all is well again, it is
 * rolled back at the first try.
 */
import { AriesError } from '../../src/common/errors.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

export type Hindrance =
  /** No room but `spare` bytes. */
  | { readonly do: 'full'; readonly spare: number }
  /** The data file's reads fail, `times` behind `skip` that do not. */
  | { readonly do: 'unreadable'; readonly times: number; readonly skip: number }

const CODES = new Set(['DISK_FULL', 'IO_ERROR'])

export class Hindrances {
  isHindered = false
  readonly #stuck: (() => Promise<void>)[] = []

  begin(disk: SimulatedFileSystem, hindrance: Hindrance): void {
    this.isHindered = true
    if (hindrance.do === 'full') disk.capacityBytes = bytesOf(disk) + hindrance.spare
    else this.#breakReads(disk, hindrance)
  }

  #breakReads(disk: SimulatedFileSystem, { times, skip }: Extract<Hindrance, { do: 'unreadable' }>): void {
    disk.inject('read', { effect: 'error', errno: 'EIO' }, { file: /^data$/, times, skip })
  }

  /** Whether an operation may end with this error. */
  excuse(error: unknown): boolean {
    return this.isHindered && AriesError.is(error) && CODES.has(error.code)
  }

  /** A transaction may not have been rolled back as it should; `abort` tries again. */
  mayBeStuck(abort: () => Promise<void>): void {
    if (this.isHindered) this.#stuck.push(abort)
  }

  /** All is well again; returns how to roll back what was stuck. */
  end(disk: SimulatedFileSystem): (() => Promise<void>)[] {
    this.isHindered = false
    disk.capacityBytes = Number.POSITIVE_INFINITY
    disk.clearFaults()
    return this.#stuck.splice(0)
  }
}

const bytesOf = (disk: SimulatedFileSystem): number =>
  disk.list().reduce((sum, name) => sum + disk.contentOf(name).length, 0)
