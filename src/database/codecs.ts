/**
 * Codecs: how keys and values become bytes. Order of keys is the memcmp order of their bytes; for
 * `utf8` that is the order of code points.
 */
import { AriesError } from '../common/errors.ts'
import { isWellFormed } from '../common/text.ts'

/** Turns values into bytes and back. `decode` owns the bytes it is given. */
export interface Codec<T> {
  /** @throws any error for a value it cannot encode; it is passed on */
  encode(value: T): Uint8Array
  /** @throws any error for bytes that it has not encoded; who reads them gets `DECODE_FAILED` with it as `cause` */
  decode(bytes: Uint8Array): T
}

const encoder = new TextEncoder()
const DECODING = { fatal: true, ignoreBOM: true } as const
const decoder = new TextDecoder('utf-8', DECODING)
const SHORT_TEXT = 64
/** The runtime decodes no more bytes at once than a text may have characters, and many of these have three bytes. */
const DECODED_BYTES_MAX = 1 << 28

export function wrongType(expected: string, value: unknown): AriesError {
  return new AriesError('INVALID_ARGUMENT', `expected ${expected}, got ${value === null ? 'null' : typeof value}`)
}

/** ASCII text, which most keys are, is encoded without a call into the runtime; -1 for other text. */
function encodeAscii(text: string, target: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    target[i] = code
  }
  return true
}

/** The text of these bytes, decoded in pieces of so many. @throws `TypeError` when they are not UTF-8 */
export function decodeText(bytes: Uint8Array, pieceBytes = DECODED_BYTES_MAX): string {
  if (bytes.length <= pieceBytes) return decoder.decode(bytes)
  // It keeps what a piece ends in the middle of, and after an error it would keep that for the next text.
  const ofThis = new TextDecoder('utf-8', DECODING)
  let text = ''
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    text += ofThis.decode(bytes.subarray(at, at + pieceBytes), { stream: true })
  }
  return text + ofThis.decode()
}

/** Text. Lone surrogates, which UTF-8 cannot hold, are refused with `INVALID_ARGUMENT`. */
export const utf8: Codec<string> = {
  encode: (value) => {
    if (typeof value !== 'string') throw wrongType('a string', value)
    if (value.length <= SHORT_TEXT) {
      const bytes = new Uint8Array(value.length)
      if (encodeAscii(value, bytes)) return bytes
    }
    if (!isWellFormed(value))
      throw new AriesError('INVALID_ARGUMENT', 'the text has a lone surrogate, which UTF-8 cannot hold')
    return encoder.encode(value)
  },
  decode: (bytes) => decodeText(bytes),
}

/** Bytes as they are. The database keeps a copy and gives out copies. */
export const buffer: Codec<Uint8Array> = {
  encode: (value) => {
    if (!(value instanceof Uint8Array)) throw wrongType('a Uint8Array', value)
    return value
  },
  decode: (bytes) => bytes,
}

/**
 * Values as JSON. What `JSON.stringify` turns into nothing (undefined, functions) is refused. As keys they are
 * in the order of their text: 1, 10, 2.
 */
export function json<T>(): Codec<T> {
  return {
    encode: (value) => {
      const text = JSON.stringify(value) as string | undefined
      if (text === undefined) throw wrongType('a value that JSON can hold', value)
      return encoder.encode(text)
    },
    decode: (bytes) => JSON.parse(decodeText(bytes)) as T,
  }
}
