/**
 * How keys and values, which are bytes, are written on the command line and in JSON Lines.
 *
 * | ENCODING | TEXT           | IN JSON         | BYTES              | WRITTEN BY THE CODEC |
 * |----------|----------------|-----------------|--------------------|----------------------|
 * | utf8     | the text       | a string        | its UTF-8          | `utf8`               |
 * | json     | JSON           | the value itself | UTF-8 of the JSON | `json()`             |
 * | number   | a number       | a number, or text where JSON has none: `"Infinity"` | 8, in order | `number`     |
 * | hex      | two digits a byte | a string     | as they are        | `buffer`             |
 */
import { type Command, Option } from 'commander'
import { printableKey } from '../../common/text.ts'
import { json, number, utf8 } from '../../index.ts'
import { CliError, ExitCode } from '../errors.ts'

export type EncodingName = 'utf8' | 'json' | 'number' | 'hex'

/** All methods throw a `CliError` that says what does not fit. */
export interface Encoding {
  readonly name: EncodingName
  fromText(text: string): Uint8Array
  toText(bytes: Uint8Array): string
  fromJson(value: unknown): Uint8Array
  toJson(bytes: Uint8Array): unknown
}

/** Options that every verb which reads or writes rows has. */
export interface RowOptions {
  readonly keys: EncodingName
  readonly values: EncodingName
}

const NAMES: readonly EncodingName[] = ['utf8', 'json', 'number', 'hex']

/** Adds `--keys` and `--values`. */
export function addRowOptions(command: Command): Command {
  return command
    .addOption(new Option('--keys <encoding>', 'how keys are written').choices(NAMES).default('utf8'))
    .addOption(new Option('--values <encoding>', 'how values are written').choices(NAMES).default('utf8'))
}

export interface RowEncoding {
  readonly key: Encoding
  readonly value: Encoding
}

export const rowEncodingOf = ({ keys, values }: RowOptions): RowEncoding => {
  return { key: encodingOf(keys, '--keys'), value: encodingOf(values, '--values') }
}

function encodingOf(name: EncodingName, option: string): Encoding {
  switch (name) {
    case 'utf8':
      return utf8Encoding(option)
    case 'json':
      return jsonEncoding(option)
    case 'number':
      return numberEncoding(option)
    case 'hex':
      return HEX
  }
}

/** A row's key and value, decoded. @throws `CliError` that also says which row it is */
export function decodeRow<T>(
  tableName: string,
  [key, value]: readonly [Uint8Array, Uint8Array],
  decodeKey: (bytes: Uint8Array) => T,
  decodeValue: (bytes: Uint8Array) => T,
): [T, T] {
  let part = 'a key'
  try {
    const decodedKey = decodeKey(key)
    part = `the value of key ${printableKey(key)}`
    return [decodedKey, decodeValue(value)]
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    throw new CliError(`table ${JSON.stringify(tableName)}, ${part}: ${error.message}`, error.exitCode)
  }
}

const usage = (message: string): CliError => new CliError(message, ExitCode.USAGE)

function utf8Encoding(option: string): Encoding {
  const fromJson = (value: unknown): Uint8Array => {
    if (typeof value !== 'string')
      throw usage(`${JSON.stringify(value)} is no string; use ${option} json for values of JSON`)
    return utf8.encode(value)
  }
  const toText = (bytes: Uint8Array): string => {
    try {
      return utf8.decode(bytes)
    } catch {
      throw new CliError(`${printableKey(bytes)} is not UTF-8 text; use ${option} hex`)
    }
  }
  return { name: 'utf8', fromText: (text) => utf8.encode(givenText(text, option)), toText, fromJson, toJson: toText }
}

/**
 * The text of an argument. Where its bytes are no UTF-8, Node.js has put U+FFFD in their place before anybody sees them,
 * and then it is not known what was typed.
 */
function givenText(text: string, option: string): string {
  if (text.includes('\ufffd')) {
    throw usage(`${JSON.stringify(text)} has bytes that are not UTF-8, or U+FFFD; use ${option} hex`)
  }
  return text
}

function jsonEncoding(option: string): Encoding {
  const codec = json<unknown>()
  const toJson = (bytes: Uint8Array): unknown => {
    try {
      return codec.decode(bytes)
    } catch {
      throw new CliError(`${printableKey(bytes)} is not JSON; use ${option} utf8 or ${option} hex`)
    }
  }
  return {
    name: 'json',
    fromText: (text) => {
      const given = givenText(text, option)
      try {
        return codec.encode(JSON.parse(given))
      } catch {
        throw usage(`${JSON.stringify(text)} is not JSON; put strings in quotes, or use ${option} utf8`)
      }
    },
    toText: (bytes) => JSON.stringify(toJson(bytes)),
    fromJson: codec.encode,
    toJson,
  }
}

/** JSON has no infinite numbers, so they are text there. */
function numberEncoding(option: string): Encoding {
  const fromJson = (value: unknown): Uint8Array => {
    const given = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof given === 'number' && !Number.isNaN(given)) return number.encode(given)
    throw usage(`${JSON.stringify(value)} is not a number`)
  }
  const decode = (bytes: Uint8Array): number => {
    try {
      return number.decode(bytes)
    } catch {
      throw new CliError(`${printableKey(bytes)} is not a number; use ${option} utf8 or ${option} hex`)
    }
  }
  const toJson = (bytes: Uint8Array): unknown => {
    const decoded = decode(bytes)
    return Number.isFinite(decoded) ? decoded : String(decoded)
  }
  return { name: 'number', fromText: fromJson, toText: (bytes) => String(decode(bytes)), fromJson, toJson }
}

/** A line of JSON is one text, and a text has at most 2^29 characters, less a few. */
const HEX_BYTES_MAX = 255 << 20

function toHex(bytes: Uint8Array): string {
  if (bytes.length > HEX_BYTES_MAX) {
    throw new CliError(`it has ${bytes.length} bytes, and no more than ${HEX_BYTES_MAX} can be written as text`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

function fromHex(value: unknown): Uint8Array {
  // Digits are looked for one by one: where an expression repeats a group, a long text takes more stack than there is.
  if (typeof value !== 'string' || value.length % 2 !== 0 || /[^0-9a-f]/i.test(value)) {
    throw usage(`${JSON.stringify(value)} is not hexadecimal: two digits for each byte`)
  }
  return new Uint8Array(Buffer.from(value, 'hex'))
}

const HEX: Encoding = { name: 'hex', fromText: fromHex, toText: toHex, fromJson: fromHex, toJson: toHex }
