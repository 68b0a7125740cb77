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
