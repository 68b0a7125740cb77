/** Assertions for programmer errors. They stay on in production and are never caught. */

/** A broken invariant of the engine itself: a bug, not an operating error. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(`invariant broken: ${message}`)
    this.name = 'AssertionError'
  }
}

/** Throws unless `condition` holds. Keep `message` a constant: a template is built on every call. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
