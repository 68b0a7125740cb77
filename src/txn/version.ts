/**
 * What is kept for those who read without locks, and who they are: see `version-store.ts`, which keeps it.
 */
import type { AriesError } from '../common/errors.ts'
import type { Lsn } from '../common/ids.ts'
import { KeyHead } from '../common/key-table.ts'
import type { ActiveTransaction } from './active-transaction.ts'

/** What a leaf stores for a key: flags and bytes as in its cell. */
export interface StoredValue {
  readonly flags: number
  readonly bytes: Uint8Array
}

/** A change that has not committed: what its key held before, undefined when it was not there. */
export interface UncommittedChange {
  readonly tree: number
  readonly key: Uint8Array
  /** The record of its transaction before the first change of the key. */
  readonly afterLsn: Lsn
  readonly before: StoredValue | undefined
}

/** What a reader has to take instead of what the page holds: undefined when the key was not there. */
export interface Before {
  readonly before: StoredValue | undefined
}

/** The memory of an entry beside its key, and of a value beside its bytes: objects and arrays, as measured with Node.js 20. */
const ENTRY_BYTES = 400
const VALUE_BYTES = 240
export const UNCOMMITTED = Number.POSITIVE_INFINITY

/** The versions of one key. */
export class VersionChain extends KeyHead {
  newest: Version | undefined = undefined
}

/** What a key held before a change. */
export class Version {
  readonly before: StoredValue | undefined
  /** @internal */
  readonly chain: VersionChain
  /** Who made the change, while it is uncommitted. @internal */
  writer: ActiveTransaction | undefined
  /** Its writer's last record before the change. @internal */
  readonly afterLsn: Lsn
  /** When the change committed. @internal */
  csn = UNCOMMITTED
  /** @internal */
  older: Version | undefined
  /** @internal */
  newer: Version | undefined = undefined

  constructor(chain: VersionChain, writer: ActiveTransaction, afterLsn: Lsn, before: StoredValue | undefined) {
    this.chain = chain
    this.writer = writer
    this.afterLsn = afterLsn
    this.before = before
    this.older = chain.newest
  }

  get bytes(): number {
    const { before, chain } = this
    return ENTRY_BYTES + chain.keyLength + (before === undefined ? 0 : VALUE_BYTES + before.bytes.length)
  }
}

/**
 * Somebody who reads the state as it was at `csn`; or, at `NEWEST`, the newest committed state at each
 * time, which holds back nothing. Open until it is closed, or ended for what it holds back.
 */
export class VersionReader {
  readonly csn: number
  readonly openedMs: number
  /** Why it was ended from outside. */
  endedBy: AriesError | undefined
  /** Called when it is closed. */
  onClose: (() => void) | undefined
  /** @internal */
  isOpen = true
  /** The next older and the next younger reader. @internal */
  older: VersionReader | undefined
  /** @internal */
  younger: VersionReader | undefined = undefined
  /** Committed entries above this reader and not above the next younger one. @internal */
  retained: Version[] = []

  constructor(csn: number, openedMs: number, older: VersionReader | undefined) {
    this.csn = csn
    this.openedMs = openedMs
    this.older = older
  }
}
