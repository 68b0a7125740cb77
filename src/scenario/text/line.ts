/** One line of the text notation, read from left to right by expectation. */
import type { JsonReader } from '../json-reader.ts'
import type { Position, Source, Token } from './lexer.ts'

/** LSNs are numbers from 0; some courses write fractions, programs large ones. */
const LSN = /^\d+(\.\d+)?(e[+-]?\d+)?$/i

/** Where the values came from that a {@link JsonReader} checks later, by their places. */
export type Positions = Map<JsonReader['place'], Position>

export class Line {
  readonly #source: Source
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(source: Source, tokens: readonly Token[]) {
    this.#source = source
    this.#tokens = tokens
  }

  /** The token that is read next. */
  get token(): Token {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1)) as Token
  }

  get isAtEnd(): boolean {
    return this.token.kind === 'end'
  }

  /** @throws `INVALID_ARGUMENT`: it stands at the next token, or at `position` */
  fail(complaint: string, position: Position = this.token): never {
    this.#source.fail(position, complaint)
  }

  #expected(what: string): never {
    this.fail(`expected ${what}, found ${shownToken(this.token)}`)
  }

  #next(): Token {
    const { token } = this
    this.#at++
    return token
  }

  /** Whether the next token is this word, bare. */
  sees(word: string): boolean {
    return this.token.kind === 'word' && this.token.text === word
  }

  seesSign(sign: string): boolean {
    return this.token.kind === 'sign' && this.token.text === sign
  }

  /** Whether the next token is a number. */
  get seesLsn(): boolean {
    return this.token.kind === 'word' && LSN.test(this.token.text)
  }

  /** Takes the word if it is there. */
  takes(word: string): boolean {
    const isThere = this.sees(word)
    if (isThere) this.#at++
    return isThere
  }

  takesSign(sign: string): boolean {
    const isThere = this.seesSign(sign)
    if (isThere) this.#at++
    return isThere
  }

  sign(sign: string, where: string): void {
    if (!this.takesSign(sign)) this.#expected(`"${sign}" ${where}`)
  }

  keyword(word: string): void {
    if (!this.takes(word)) this.#expected(`"${word}"`)
  }

  /** One of several words, bare. */
  oneOf<T extends string>(words: readonly T[], what: string): T {
    const found = words.find((word) => this.sees(word))
    if (found === undefined) this.#expected(`${what} (${words.join(', ')})`)
    this.#at++
    return found
  }

  /** A name or a value: a word or a string. */
  name(what: string): string {
    const { kind } = this.token
    if (kind !== 'word' && kind !== 'string') this.#expected(what)
    return this.#next().text
  }

  /** A value, or `none`. */
  valueOrNull(what: string): string | null {
    return this.takes('none') ? null : this.name(`${what} or "none"`)
  }

  lsn(what: string): number {
    if (!this.seesLsn) this.#expected(what)
    const lsn = Number(this.token.text)
    if (!Number.isFinite(lsn)) this.fail(`${this.token.text} is too large for an LSN`)
    this.#at++
    return lsn
  }

  lsnOrNull(what: string): number | null {
    return this.takes('none') ? null : this.lsn(`${what} or "none"`)
  }

  /** `none`, or one item and more, with commas between them; `read` reads one. */
  list<T>(read: () => T): T[] {
    if (this.takes('none')) return []
    const items = [read()]
    while (this.takesSign(',')) items.push(read())
    return items
  }

  /** `none`, or words or numbers in a row, with or without commas. */
  row<T>(read: () => T, isMore: () => boolean): T[] {
    if (this.takes('none')) return []
    const items = [read()]
    while (this.takesSign(',') || isMore()) items.push(read())
    return items
  }

  /** `none`, or LSNs in a row. */
  lsns(what: string): number[] {
    return this.row(
      () => this.lsn(`${what} or "none"`),
      () => this.seesLsn,
    )
  }

  end(): void {
    if (!this.isAtEnd) this.#expected('the end of the line')
  }
}

function shownToken({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the line'
  return kind === 'string' ? `the string ${JSON.stringify(text)}` : `"${text}"`
}
