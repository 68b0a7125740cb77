/** Faults a test asks for in advance: "the third sync of a log segment fails with EIO". */
import { type Errno, systemError } from './system-error.ts'

/** The kinds of operation that can be made to fail; `open` includes creation. */
export type OperationKind = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'syncDirectory' | 'rename' | 'remove'

export interface FaultOptions {
  readonly errno: Errno
  /** How many operations fail; `Infinity` for a fault that stays. Default 1. */
  readonly times?: number
  /** Which files; of a rename the old name counts. Default all. */
  readonly file?: RegExp
  /** How many matching operations succeed first. Default 0. */
  readonly skip?: number
  /**
   * For a sync: the unsynced changes are dropped and a later sync does not bring them back, though
   * reads go on showing them (what Linux file systems do). Default true.
   */
  readonly dropPages?: boolean
}

/** An operation that fails now. */
export interface Fault {
  readonly error: Error
  readonly dropPages: boolean
}

interface Rule extends FaultOptions {
  readonly kind: OperationKind
  skipLeft: number
  timesLeft: number
}

export class FaultRules {
  #rules: Rule[] = []

  add(kind: OperationKind, options: FaultOptions): void {
    this.#rules.push({ ...options, kind, skipLeft: options.skip ?? 0, timesLeft: options.times ?? 1 })
  }

  clear(): void {
    this.#rules = []
  }

  /** The fault of this operation, if a rule has one for it; counts the operation. */
  take(kind: OperationKind, file: string): Fault | undefined {
    for (const rule of this.#rules) {
      if (rule.kind !== kind || rule.timesLeft <= 0) continue
      if (rule.file !== undefined && !rule.file.test(file)) continue
      if (rule.skipLeft > 0) {
        rule.skipLeft--
        continue
      }
      rule.timesLeft--
      return { error: systemError(rule.errno, kind, file), dropPages: rule.dropPages ?? true }
    }
    return undefined
  }
}
