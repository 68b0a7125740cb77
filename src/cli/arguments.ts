/** Arguments of the command line that are more than text. */
import { InvalidArgumentError } from 'commander'

/** A whole number from `min` on, for commander. */
export function wholeNumber(min = 0): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < min) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${min}.`)
    }
    return number
  }
}

/** A time in seconds, whole or not, for commander. */
export function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
    throw new InvalidArgumentError(`It must be a number of seconds from ${SECONDS_MIN} to ${SECONDS_MAX}.`)
  }
  return seconds
}

const SECONDS_MIN = 0.1
const SECONDS_MAX = 86_400

/** One whole number from `min` on, or several separated by commas. */
export function wholeNumbers(min: number): (text: string) => number[] {
  return (text) => text.split(',').map(wholeNumber(min))
}

/** One of `choices`, or several separated by commas. */
export function oneOrMore(choices: readonly string[]): (text: string) => string[] {
  return (text) => {
    const given = text.split(',')
    const unknown = given.find((choice) => !choices.includes(choice))
    if (unknown !== undefined) {
      throw new InvalidArgumentError(`${JSON.stringify(unknown)} is not one of ${choices.join(', ')}.`)
    }
    return given
  }
}
