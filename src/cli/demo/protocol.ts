/**
 * What the working process tells its parent, one line of text each, over its standard output:
 *
 *   ready                the database is open
 *   begin step 17        before the transaction of step 17 begins
 *   commit step 17       its commit() has resolved: from now on it must survive
 *   begin transfer 3     the same for transfers
 *   commit transfer 3
 *   abort transfer 3     it was called off and rolled back
 *
 * A line goes out before the next thing is done, so whatever reached the database was announced. A line
 * that the kill cut off is dropped: what it would have acknowledged counts as in flight.
 */
import type { PlaceSource } from './places.ts'

export type WorkKind = 'step' | 'transfer'

export type Message =
  | { readonly event: 'ready' }
  | { readonly event: 'begin' | 'commit' | 'abort'; readonly kind: WorkKind; readonly id: number }

/** What the working process is to do: plain data, handed over as its argument. */
export interface Job {
  readonly directory: string
  readonly seed: number
  readonly source: PlaceSource
  /** Steps below `nextStep` that are still to be done. */
  readonly missedSteps: readonly number[]
  readonly nextStep: number
  readonly nextTransfer: number
  /** Close and exit once all steps are done; else go on with transfers until killed. */
  readonly endsWhenDone: boolean
}

export function encodeMessage(message: Message): string {
  return message.event === 'ready' ? 'ready\n' : `${message.event} ${message.kind} ${message.id}\n`
}

const LINE = /^(begin|commit|abort) (step|transfer) (\d+)$/

/** Undefined for a line that is none of these. */
export function decodeMessage(line: string): Message | undefined {
  if (line === 'ready') return { event: 'ready' }
  const match = LINE.exec(line)
  if (match === null) return undefined
  return { event: match[1] as 'begin' | 'commit' | 'abort', kind: match[2] as WorkKind, id: Number(match[3]) }
}
