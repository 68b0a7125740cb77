/**
 * The text notation of scenarios as tokens, line by line.
 *
 *     token    ::=  word | string | ':' | ',' | '@' | '->'
 *     word     ::=  letters, digits and . _ + - * / % & ! ? $ ' < > = ( ) [ ] { }; '->' ends it
 *     string   ::=  as in JSON, in double quotes
 *     '#' begins a comment, to the end of the line; a line that ends with a comma goes on in the next.
 *
 * Every token knows where it stands, so that whatever is wrong later can name line and column.
 */
import { AriesError } from '../../common/errors.ts'

/** Both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface Token extends Position {
  /** `end` stands behind the last token of every line. */
  readonly kind: 'word' | 'string' | 'sign' | 'end'
  /** Of a string, what is in the quotes. */
  readonly text: string
}

/** A text in which scenarios are written, and how to complain about it. */
export class Source {
  readonly file: string
  readonly #lines: readonly string[]

  constructor(text: string, file: string) {
    this.file = file
    this.#lines = text.split(/\r\n|\r|\n/)
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** @throws `INVALID_ARGUMENT` with file, line and column, and the line itself */
  fail({ line, column }: Position, complaint: string): never {
    const label = `${String(line).padStart(4)} | `
    const before = (this.#lines[line - 1] ?? '').slice(0, column - 1)
    // A tab before the place is kept, so that the mark stands below it however wide tabs are.
    const mark = `${' '.repeat(label.length)}${before.replace(/[^\t]/g, ' ')}^`
    throw new AriesError(
      'INVALID_ARGUMENT',
      `${this.file}:${line}:${column}: ${complaint}\n${label}${this.#lines[line - 1] ?? ''}\n${mark}`,
      { file: this.file, line, column },
    )
  }
}

const WORD = /[\w.+\-*/%&!?$'<>=()[\]{}]/
const STRING = /"(?:[^"\\]|\\.)*"/y

/** The tokens of the lines from `from` up to `to`, counted from 0; lines without any are left out. */
export function tokenLines(source: Source, from: number, to: number): Token[][] {
  const lines: Token[][] = []
  let open: Token[] = []
  for (let i = from; i < to; i++) {
    const text = source.lines[i] ?? ''
    const tokens = tokensOf(source, text, i + 1)
    open.push(...tokens)
    const last = tokens.at(-1) ?? open.at(-1)
    if (last === undefined || (last.text === ',' && last.kind === 'sign' && i + 1 < to)) continue
    lines.push([...open, { kind: 'end', text: '', line: last.line, column: endColumn(source, last) }])
    open = []
  }
  return lines
}

/** Right behind the last token of a line, before a comment. */
function endColumn(source: Source, last: Token): number {
  const text = source.lines[last.line - 1] ?? ''
  return last.column + lengthAt(text, last)
}

function lengthAt(text: string, { kind, text: shown, column }: Token): number {
  if (kind !== 'string') return shown.length
  STRING.lastIndex = column - 1
  return STRING.exec(text)?.[0].length ?? 0
}

function tokensOf(source: Source, text: string, line: number): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; ) {
    const position = { line, column: at + 1 }
    const next = text[at] as string
    if (next === '#') break
    if (/\s/.test(next)) {
      at++
    } else if (next === '"') {
      const { value, length } = stringAt(source, text, position)
      tokens.push({ kind: 'string', text: value, ...position })
      at += length
    } else {
      const sign = signAt(text, at) ?? wordAt(text, at)
      if (sign === undefined) {
        source.fail(position, `${JSON.stringify(next)} has no meaning here; put names with such signs in double quotes`)
      }
      tokens.push({ ...sign, ...position })
      at += sign.text.length
    }
  }
  return tokens
}

function signAt(text: string, at: number): { kind: 'sign'; text: string } | undefined {
  if (text.startsWith('->', at)) return { kind: 'sign', text: '->' }
  const one = text[at] as string
  return ':,@'.includes(one) ? { kind: 'sign', text: one } : undefined
}

function wordAt(text: string, at: number): { kind: 'word'; text: string } | undefined {
  let end = at
  while (end < text.length && WORD.test(text[end] as string) && !text.startsWith('->', end)) end++
  return end === at ? undefined : { kind: 'word', text: text.slice(at, end) }
}

function stringAt(source: Source, text: string, position: Position): { value: string; length: number } {
  STRING.lastIndex = position.column - 1
  const quoted = STRING.exec(text)?.[0]
  if (quoted === undefined) source.fail(position, 'the string that begins here has no closing " in its line')
  try {
    return { value: JSON.parse(quoted) as string, length: quoted.length }
  } catch {
    source.fail(position, 'a backslash in a string means what it means in JSON: \\" \\\\ \\n \\t \\u0041')
  }
}

/** A name or value as the notation writes it: bare where it is one word that could be nothing else. */
export function quotedIfNeeded(text: string): string {
  const isWord = [...text].every((sign) => WORD.test(sign)) && !text.includes('->')
  return isWord && text !== '' && !RESERVED.has(text) ? text : JSON.stringify(text)
}

/** Words that mean something where a name or a value could stand. */
const RESERVED = new Set([
  'none',
  'empty',
  'same',
  'dummy',
  'undoes',
  'next',
  'prev',
  'att',
  'dpt',
  'to',
  'begin_checkpoint',
  'end_checkpoint',
])
