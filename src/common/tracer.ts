/**
 * Who listens to one open database: the function that was given to `open`, and whoever has subscribed to the
 * host's channel, which may happen at any time.
 *
 * ```
 *   const { listener } = this.tracer                  two loads and a branch, which always goes the same way
 *   if (listener !== undefined) listener({ ... })     only here an event is built
 * ```
 *
 * A listener is called between two steps that belong together, so what it throws must not come through here: it
 * becomes a rejection that nobody handles, as loud as the channels of Node are then, and the engine goes on.
 */
import type { Trace, TraceEvent } from './trace.ts'

/** What is published on the channel `aries-db:trace`: the event, and where the database is. */
export interface TraceMessage {
  readonly database: string
  readonly event: TraceEvent
}

/** A place where anybody in the process may subscribe, as those of `node:diagnostics_channel`. */
export interface TraceChannel {
  readonly hasSubscribers: boolean
  publish(message: TraceMessage): void
}

const NOBODY: TraceChannel = { hasSubscribers: false, publish: () => {} }

/** Where a manager finds the listener of the moment; undefined when nobody listens. */
export interface Tracer {
  readonly listener: Trace
}

/** Of a manager before its database is open. */
export const SILENT: Tracer = { listener: undefined }

/** The tracer of a database. */
export class DatabaseTracer implements Tracer {
  readonly #channel: TraceChannel
  readonly #toGiven: Trace
  readonly #toAll: NonNullable<Trace>

  constructor(database: string, given: Trace, channel: TraceChannel | undefined) {
    const toChannel = channel ?? NOBODY
    const toGiven = given === undefined ? undefined : guarded(given)
    this.#channel = toChannel
    this.#toGiven = toGiven
    this.#toAll = (event) => {
      toGiven?.(event)
      toChannel.publish({ database, event })
    }
  }

  get listener(): Trace {
    return this.#channel.hasSubscribers ? this.#toAll : this.#toGiven
  }
}

function guarded(given: NonNullable<Trace>): NonNullable<Trace> {
  return (event) => {
    try {
      given(event)
    } catch (error) {
      void Promise.reject(error)
    }
  }
}
