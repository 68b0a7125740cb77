/** What goes to the terminal: results to stdout, progress and errors to stderr, colours only on a terminal. */
import { styleText } from 'node:util'
import { counted, grouped } from '../inspect/numbers.ts'

export { counted, grouped }

type Style = Parameters<typeof styleText>[0]

/** `text` in a colour when stdout is a terminal that wants colours (NO_COLOR is respected). */
export function coloured(style: Style, text: string): string {
  const wantsColour = process.stdout.isTTY === true && process.stdout.hasColors()
  return wantsColour ? styleText(style, text) : text
}

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`)
}

const CONTROL_NAMES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** `text` with its control characters as \t, \n, \r and \x1b: they move no cursor, and part no rows and columns. */
export function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
    return CONTROL_NAMES[character] ?? `\\x${hex}`
  })
}

/** A line for people on stderr, where it is in no program's way. */
export function warn(text: string): void {
  process.stderr.write(`aries: ${text}\n`)
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, 2))
}

export function kibibytes(bytes: number): string {
  return `${grouped(bytes / 1024)} KiB`
}

export function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${grouped(ms)} ms`
}
