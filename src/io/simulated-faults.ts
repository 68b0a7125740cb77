/**
 * Faults asked for in advance: "the third sync of a log segment fails with EIO". A rule says which
 * operations it hits (kind, file, place, how many before, how many times) and what happens to them.
 *
 *   effect      kinds                     numbers of simulated-file-system.ts
 *   error       all                       F9, F11, F12, F14, F15, F16
 *   short       read, write               F13, F17
 *   lie         sync, syncDirectory       F10
 *   slow        sync                      F23
 *   flip        read                      F19
 *   misdirect   read, write               F20, F21
 *   phantom     write                     F21
 *
 * An error is a rule's to give whatever the disk thinks; the other effects come to operations that
 * would have gone well, so a write to a full disk still fails. The first rule that matches wins.
 */
import type { OpenMode } from './file-system.ts'
import { isMatch } from './simulated-changes.ts'
import type { Call, OperationKind } from './simulated-trace.ts'
import type { Errno } from './system-error.ts'

export type { OperationKind } from './simulated-trace.ts'

/** Which operations a rule hits. */
export interface FaultMatch {
  /** How many operations it hits; `Infinity` for a fault that stays. Default 1, with `until` Infinity. */
  readonly times?: number
  /** Which files; of a rename the old name counts. Default all. */
  readonly file?: RegExp
  /** How many matching operations succeed first. Default 0. */
  readonly skip?: number
  /** Only opens of this mode. */
  readonly mode?: OpenMode
  /** Only reads and writes that touch these bytes of the file. */
  readonly range?: { readonly offset: number; readonly length: number }
  /**
   * What ends it. `spaceFreed`: a file removed, replaced or shortened. `overwritten`: one write over the
   * whole of `range`, as when a disk puts another sector in the place of a bad one.
   */
  readonly until?: 'spaceFreed' | 'overwritten'
}

export interface ErrorEffect {
  readonly errno: Errno
  /**
   * For a sync: the unsynced changes are dropped and a later sync does not bring them back, though
   * reads go on showing them (what Linux file systems do). Default true.
   */
  readonly dropPages?: boolean
  /** For a write: the bytes it writes before it fails, or at random. Default none. */
  readonly doneBytes?: number | 'random'
}

/** What happens to an operation; what is left out is drawn from the disk's seed. */
export type FaultEffect =
  | ({ readonly effect: 'error' } & ErrorEffect)
  /** Transfers `bytes`, at least one and fewer than it could, without an error. */
  | { readonly effect: 'short'; readonly bytes?: number }
  | { readonly effect: 'lie' }
  /** Completes `delayMs` later, and up to `spreadMs` more; needs the disk's `runtime`. */
  | { readonly effect: 'slow'; readonly delayMs: number; readonly spreadMs?: number }
  /** Gives one wrong bit, counted from the first byte read; the next read is good. */
  | { readonly effect: 'flip'; readonly bit?: number }
  /**
   * A write goes elsewhere, and its right place keeps the old bytes; a read comes from elsewhere. In
   * the same file or `toFile` or any `otherFile`, at `toOffset` or at any multiple of `alignBytes` (4096).
   */
  | {
      readonly effect: 'misdirect'
      readonly toFile?: string
      readonly otherFile?: boolean
      readonly toOffset?: number
      readonly alignBytes?: number
    }
  /** Shows until it is synced; then the old bytes are back. */
  | { readonly effect: 'phantom' }

/** What `failNext` takes. */
export type FaultOptions = ErrorEffect & FaultMatch

interface Rule {
  readonly kind: OperationKind
  readonly effect: FaultEffect
  readonly match: FaultMatch
  skipLeft: number
  timesLeft: number
}

export class FaultRules {
  #rules: Rule[] = []

  add(kind: OperationKind, effect: FaultEffect, match: FaultMatch): void {
    const timesLeft = match.times ?? (match.until === undefined ? 1 : Number.POSITIVE_INFINITY)
    this.#rules.push({ kind, effect, match, skipLeft: match.skip ?? 0, timesLeft })
  }

  clear(): void {
    this.#rules = []
  }

  /** What is to happen to this operation, if a rule has something for it; counts the operation. */
  take(call: Call): FaultEffect | undefined {
    for (const rule of this.#rules) {
      if (rule.kind !== call.operation || rule.timesLeft <= 0 || !matches(rule.match, call)) continue
      if (rule.skipLeft > 0) {
        rule.skipLeft--
        continue
      }
      rule.timesLeft--
      return rule.effect
    }
    return undefined
  }

  /** Ends the rules that last until there is room again. */
  spaceFreed(): void {
    this.#rules = this.#rules.filter(({ match }) => match.until !== 'spaceFreed')
  }

  /** Ends the rules of bad sectors that this write puts right. */
  written(file: string, offset: number, length: number): void {
    if (this.#rules.length === 0) return
    this.#rules = this.#rules.filter(({ match: { until, range, file: files } }) => {
      if (until !== 'overwritten' || range === undefined || (files !== undefined && !isMatch(files, file))) {
        return true
      }
      return offset > range.offset || offset + length < range.offset + range.length
    })
  }
}

function matches({ file, mode, range }: FaultMatch, call: Call): boolean {
  if (mode !== undefined && mode !== call.mode) return false
  if (file !== undefined && !isMatch(file, call.file)) return false
  return range === undefined || (call.offset < range.offset + range.length && call.offset + call.length > range.offset)
}
