/** Doing something at an earlier step: what came after it is dropped. */
import type { Action, Session } from './types.ts'

/** The actions that lead to the step and then do `action`. A crash strikes at the very step; all else behind the action that the step is part of. */
export function actAt({ steps, actions }: Session, step: number, action: Action): readonly Action[] {
  const actionIndex = steps[step]?.actionIndex ?? -1
  const before = actions.slice(0, actionIndex + 1)
  if (action.kind !== 'crash' || actionIndex < 0) return [...before, action]
  const ofAction = steps.filter((other) => other.actionIndex === actionIndex)
  const after = ofAction.findIndex(({ number }) => number === step) + 1
  const next = actions[actionIndex + 1]
  // Of an action that a crash has cut off, nobody has seen the rest.
  const isWhole = next?.kind !== 'crash' || next.after === undefined
  return [...before, isWhole && after === ofAction.length ? action : { ...action, after }]
}
