/**
 * Reads parsed JSON by expectation: every step knows the place it is at, so that what is wrong in a
 * file of a thousand lines is named like `S07.log[3].prevLsn`.
 */
import { AriesError } from '../common/errors.ts'

export class JsonReader {
  readonly place: string
  readonly #value: unknown

  constructor(value: unknown, place: string) {
    this.#value = value
    this.place = place
  }

  /** The same value under another name, once it is known what it is. */
  named(place: string): JsonReader {
    return new JsonReader(this.#value, place)
  }

  /** @throws `INVALID_ARGUMENT` with the place */
  fail(mustBe: string): never {
    const shown = this.#value === undefined ? 'missing' : (JSON.stringify(this.#value) ?? 'nothing')
    const is = shown.length > 60 ? `${shown.slice(0, 57)}...` : shown
    const complaint = `must be ${mustBe}; it is ${is}`
    throw new AriesError('INVALID_ARGUMENT', `${this.place} ${complaint}`, { place: this.place, complaint })
  }

  get isMissing(): boolean {
    return this.#value === undefined
  }

  get isNull(): boolean {
    return this.#value === null || this.#value === undefined
  }

  get isObject(): boolean {
    return typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value)
  }

  has(name: string): boolean {
    return this.isObject && Object.hasOwn(this.#value as object, name)
  }

  get(name: string): JsonReader {
    if (!this.isObject) this.fail('an object')
    const value = this.has(name) ? (this.#value as Record<string, unknown>)[name] : undefined
    return new JsonReader(value, `${this.place}.${name}`)
  }

  list(): JsonReader[] {
    if (!Array.isArray(this.#value)) this.fail('a list')
    return (this.#value as unknown[]).map((value, i) => new JsonReader(value, `${this.place}[${i}]`))
  }

  /** An object read as a table: each value by `read`. */
  table<T>(read: (value: JsonReader) => T): Record<string, T> {
    if (!this.isObject) this.fail('an object')
    const names = Object.keys(this.#value as object)
    return Object.fromEntries(names.map((name) => [name, read(this.get(name))]))
  }

  /** Text; a number counts as its digits. */
  text(): string {
    if (typeof this.#value === 'number') return String(this.#value)
    if (typeof this.#value !== 'string') this.fail('text')
    return this.#value
  }

  /** Texts for people: one, a list of them, or none. Whatever else is there is left alone. */
  remarks(): string[] {
    const all: unknown[] = Array.isArray(this.#value) ? this.#value : [this.#value]
    return all.filter((one) => typeof one === 'string')
  }

  textOrNull(): string | null {
    if (this.isMissing) this.fail('text or null')
    return this.#value === null ? null : this.text()
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.#value)
    return found ?? this.fail(`one of ${choices.join(', ')}`)
  }

  lsn(): number {
    if (typeof this.#value !== 'number' || !Number.isFinite(this.#value) || this.#value < 0) {
      this.fail('an LSN: a number, 0 or more')
    }
    return this.#value as number
  }

  lsnOrNull(): number | null {
    if (this.isMissing) this.fail('an LSN or null')
    return this.#value === null ? null : this.lsn()
  }

  flag(otherwise: boolean): boolean {
    if (this.isMissing) return otherwise
    if (typeof this.#value !== 'boolean') this.fail('true or false')
    return this.#value as boolean
  }
}
