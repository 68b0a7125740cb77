/** What a crash test throws when the invariant does not hold: an error whose message tells the story. */
import { type CrashCase, formatCase } from './crash-case.ts'
import { show } from './handles.ts'
import type { CrashTestFigures } from './options.ts'
import type { Verdict, Violation } from './runner.ts'
import { renderTimeline } from './timeline.ts'

/** A violation of the invariant, shrunk if it can be. Its message has all of the below as text. */
export class CrashTestFailure extends Error {
  // Not properties of their own: whoever prints an error would print these after the message that has them.
  readonly #found: CrashCase
  readonly #timeline: string
  readonly #figures: CrashTestFigures

  /** @internal */
  constructor(
    found: CrashCase,
    violation: Violation,
    verdict: Verdict,
    figures: CrashTestFigures,
    repeatable: 'repeatable' | 'not repeatable' = 'repeatable',
  ) {
    const timeline = renderTimeline(verdict.lives)
    const isRepeatable = repeatable === 'repeatable'
    super(messageOf(formatCase(found), violation, verdict, timeline, figures, isRepeatable), { cause: violation.error })
    this.name = 'CrashTestFailure'
    this.#found = found
    this.#timeline = timeline
    this.#figures = figures
  }

  /** What to give `crashTest` as `replay` to run this case alone. Where runs differ, it may hold then. */
  get replay(): string {
    return formatCase(this.#found)
  }

  get seed(): number {
    return this.#found.seed
  }

  /** What the program did, what went to the disk when, and what the crash left. */
  get timeline(): string {
    return this.#timeline
  }

  /** How much was tried before it was found. */
  get figures(): CrashTestFigures {
    return this.#figures
  }
}

const WHAT_FAILED: Readonly<Record<string, string>> = {
  open: 'the database could not be opened again after a crash, which is a bug of aries-db:',
  restart: 'restart failed after a crash:',
  invariant: 'the invariant does not hold after a crash:',
}

function messageOf(
  replay: string,
  { phase, error }: Violation,
  { acknowledged }: Verdict,
  timeline: string,
  { crashPoints, states }: CrashTestFigures,
  isRepeatable: boolean,
): string {
  const reason = error instanceof Error ? error.message : String(error)
  return [
    WHAT_FAILED[phase] ?? `${phase} failed after a crash:`,
    indented(reason.trimEnd()),
    '',
    `Found at crash point number ${crashPoints} tried, disk state ${states}, ${isRepeatable ? 'then shrunk to this' : 'and shown as it was found'}:`,
    '',
    timeline,
    '',
    `Acknowledged before the crash: ${list(acknowledged)}`,
    '',
    ...(isRepeatable
      ? ['To run this case alone:', `  crashTest({ ..., replay: ${JSON.stringify(replay).replaceAll('"', "'")} })`]
      : NOT_REPEATABLE),
  ].join('\n')
}

const NOT_REPEATABLE = [
  'Another run of the same case held. So runs differ in what they write (random ids, the time), and the case can neither',
  'be made smaller nor replayed. With ids from the given random(), and no clock but sleep(), it can.',
]

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}

const LISTED_MAX = 12

function list(values: readonly unknown[]): string {
  if (values.length === 0) return 'nothing'
  const shown = values.slice(-LISTED_MAX).map(show)
  return values.length > LISTED_MAX ? `${values.length} values, the last ${shown.join(', ')}` : shown.join(', ')
}
