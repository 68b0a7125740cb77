/** What a caller gives is checked with these, in whichever layer he calls: a wrong value is an `INVALID_ARGUMENT`. */
import { AriesError } from './errors.ts'

export function invalid(message: string): AriesError {
  return new AriesError('INVALID_ARGUMENT', message)
}

/** The names of options; it is their type that sees to it that none is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/**
 * Checks that options are an object and that all of them are known: one that is mistyped would be without effect.
 * @throws `INVALID_ARGUMENT`
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  if (typeof options !== 'object' || options === null) throw invalid(`the options of ${what} must be an object`)
  for (const name in options) {
    if (!Object.hasOwn(known, name)) {
      throw invalid(`${what} has no option ${name}; it has ${Object.keys(known).join(', ')}`)
    }
  }
}

/** @throws `INVALID_ARGUMENT` */
export function flagOf(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, got ${String(value)}`)
  return value
}

/** @throws `INVALID_ARGUMENT` */
export function inRange(name: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(`${name} must be a number from ${min} to ${max}, got ${String(value)}`)
  }
  return value
}

/** @throws `INVALID_ARGUMENT` */
export function wholeNumber(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value
  throw invalid(`${name} must be a whole number of at least ${min}, got ${String(value)}`)
}

/** @throws `INVALID_ARGUMENT` */
export function oneOf<T>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value
  throw invalid(`${name} must be one of ${choices.join(', ')}, got ${String(value)}`)
}
