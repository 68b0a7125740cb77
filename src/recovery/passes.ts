/**
 * The passes of restart as one part that can be exchanged. The engine has one set of them. Whoever writes
 * passes to learn how, as in the course's lab, runs the real engine with theirs in the place of ours: it
 * then opens, rolls back and restarts with what they wrote.
 *
 * `Rollback` is in the set although it works at run time too: an abort and the undo pass are the same steps.
 */
import { analyse } from './analysis.ts'
import { Redo } from './redo.ts'
import { Rollback } from './undo.ts'

export interface Passes {
  readonly analyse: typeof analyse
  readonly Redo: typeof Redo
  readonly Rollback: typeof Rollback
}

export const ENGINE_PASSES: Passes = { analyse, Redo, Rollback }

/** The key of other passes among the options of `open`: a symbol, since no user's program has use for it. */
export const PASSES = Symbol('passes of restart')

/** The passes that a database opened with `options` restarts with. */
export function passesOf(options: object): Passes {
  return (options as { readonly [PASSES]?: Passes })[PASSES] ?? ENGINE_PASSES
}
