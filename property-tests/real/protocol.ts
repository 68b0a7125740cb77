/**
 * What the working process tells its parent: a line of JSON each, over file descriptor 3, which is a
 * socket that blocks, so that a line is out of the process before the next thing is done.
 *
 *   opening                     before open()
 *   opened                      restart is over: what it did, and all that the database holds
 *   refused                     open() failed
 *   ask 17 {effects}            right before the commit() of the 17th transaction: commits are asked for
 *                               in the order of their records in the log
 *   ack 17                      that commit() has resolved
 *   flush, flushed              around a flush()
 *   rolled-back                 a transaction was aborted, by its client or as a victim of the lock manager
 *   full                        an operation was refused for lack of room; its client goes on
 *   failed                      an operation failed with an error that no retry mends
 *   closed                      close() has resolved
 *
 * A line that the end of the process cut off is dropped: what it tells had not been done yet, or counts
 * as not acknowledged.
 */
import { writeSync } from 'node:fs'
import type { Durability } from '../../src/index.ts'

/** What a transaction changed; the value of a put is `valueFor(stamp, size)`. */
export type Change =
  | {
      readonly kind: 'put'
      readonly table: string
      readonly key: string
      readonly stamp: number
      readonly size: number
    }
  | { readonly kind: 'delete'; readonly table: string; readonly key: string }
  | { readonly kind: 'create' | 'drop'; readonly table: string }

/** All rows of all tables: names, and for each row its key and the digest of its value. */
export type Listing = readonly (readonly [table: string, rows: readonly (readonly [key: string, digest: string])[]])[]

/** The part of a recovery report that is counted. */
export interface Restart {
  readonly wasNeeded: boolean
  readonly ms: number
  readonly losers: number
  readonly redone: number
  readonly restoredPages: number
}

export type Message =
  | { readonly event: 'opening' | 'flush' | 'flushed' | 'closed' }
  | {
      readonly event: 'opened'
      readonly restart: Restart
      readonly problems: readonly string[]
      readonly listing: Listing
    }
  | {
      readonly event: 'ask'
      readonly id: number
      readonly durability: Durability
      readonly changes: readonly Change[]
    }
  | { readonly event: 'ack'; readonly id: number }
  | { readonly event: 'rolled-back'; readonly code: string | undefined }
  | { readonly event: 'refused' | 'full' | 'failed'; readonly code: string; readonly message: string }

/** What a working process is to do: plain data, handed over as its argument. */
export interface Job {
  readonly directory: string
  readonly seed: number
  readonly clients: number
  /** Which life of the database this is, from 0: the stamps of its values follow from it. */
  readonly life: number
}

export const PIPE = 3

/** Returns when the whole line has left the process. */
export function tell(message: Message): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let written = 0; written < line.length; ) written += writeSync(PIPE, line, written)
}

/** Cuts what comes over the pipe into messages; keeps the beginning of a line until its end has come. */
export class MessageReader {
  readonly #onMessage: (message: Message) => void
  #rest = ''

  constructor(onMessage: (message: Message) => void) {
    this.#onMessage = onMessage
  }

  read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#onMessage(JSON.parse(line) as Message)
  }
}
