/** A scenario that somebody writes in the text notation. */
import { AriesError } from '../../../../src/common/errors.ts'
import { findTextScenarios } from '../../../../src/scenario/text/find-text.ts'
import type { ParsedText, TextError } from './types.ts'

const FILE = 'text'

/** The first scenario of the text, or what is wrong in it. */
export function parseScenarioText(text: string): ParsedText {
  try {
    const [first] = findTextScenarios(text, FILE)
    if (first !== undefined) return { scenario: first.load() }
    return { errors: [{ line: 1, column: 1, message: 'there is no scenario in the text' }] }
  } catch (error) {
    if (!AriesError.is(error)) throw error
    return { errors: [textErrorOf(error)] }
  }
}

/** Where it is, and the complaint alone: the message repeats the place, and shows the line below. */
function textErrorOf({ message, details }: AriesError): TextError {
  const { line = 1, column = 1 } = details as { line?: number; column?: number }
  const [first = ''] = message.split('\n')
  return { line, column, message: first.replace(/^[A-Z_]+: /, '').replace(/^text:\d+:\d+: /, '') }
}
