/**
 * Codecs for keys that are not text: numbers and tuples, encoded so that the memcmp order of the bytes is the order of
 * what they stand for. A positive number of IEEE 754 gets its sign bit set, of a negative one all bits are turned over;
 * the parts of a tuple are kept apart as in FoundationDB's tuple layer.
 *
 * ```
 *   number   8 bytes, big-endian        -1 -> 40 0f ff ff ff ff ff ff     1 -> bf f0 00 00 00 00 00 00
 *
 *   tuple    | part 0, each 00 written as 00 ff | 00 01 | part 1, so too | 00 01 | ... | last part as it is |
 * ```
 *
 * INVARIANT: of two tuples, the first parts that differ decide, by the order of their own codec: the end of a part,
 * 00 01, is less than what any longer part goes on with.
 */
import { AriesError } from '../common/errors.ts'
import { type Codec, wrongType } from './codecs.ts'

const NUMBER_BYTES = 8
const SIGN = 0x80
const ESCAPED_ZERO = 0xff
const PART_END = 0x01

const refused = (message: string): AriesError => new AriesError('INVALID_ARGUMENT', message)

/**
 * Numbers in their order, from -Infinity to Infinity, 8 bytes each. -0 is 0. NaN, which has no place in an order, is
 * refused with `INVALID_ARGUMENT`, and so are bytes that this codec has not written.
 */
export const number: Codec<number> = {
  encode: (value) => {
    if (typeof value !== 'number') throw wrongType('a number', value)
    if (Number.isNaN(value)) throw refused('expected a number, got NaN')
    const bytes = new Uint8Array(NUMBER_BYTES)
    // The sum makes 0 of -0.
    new DataView(bytes.buffer).setFloat64(0, value + 0)
    turn(bytes, ((bytes[0] as number) & SIGN) !== 0)
    return bytes
  },
  decode: (bytes) => {
    if (bytes.length !== NUMBER_BYTES)
      throw refused(`expected the ${NUMBER_BYTES} bytes of a number, got ${bytes.length}`)
    const turned = bytes.slice()
    turn(turned, ((bytes[0] as number) & SIGN) === 0)
    return new DataView(turned.buffer).getFloat64(0)
  },
}

function turn(bytes: Uint8Array, isNegative: boolean): void {
  if (!isNegative) bytes[0] = (bytes[0] as number) ^ SIGN
  else for (let i = 0; i < NUMBER_BYTES; i++) bytes[i] = ~(bytes[i] as number)
}

/**
 * Tuples of so many parts, each by its own codec: `tuple(utf8, number)` for keys such as `['alice', 7]`. They are in the
 * order of their first parts, among equal ones in that of their second, and so on, so all keys of alice are
 * `{ gte: ['alice', -Infinity], lte: ['alice', Infinity] }`. Another count of parts, and bytes that this codec has not
 * written, are refused with `INVALID_ARGUMENT`; errors of the codecs are passed on.
 */
export function tuple<const T extends readonly [unknown, ...unknown[]]>(
  ...codecs: { readonly [I in keyof T]: Codec<T[I]> }
): Codec<T> {
  const parts = codecs as readonly Codec<unknown>[]
  return {
    encode: (values) => {
      if (!Array.isArray(values)) throw wrongType(`a tuple of ${parts.length}`, values)
      if (values.length !== parts.length) throw refused(`expected a tuple of ${parts.length}, got ${values.length}`)
      return joined(parts.map((codec, i) => codec.encode(values[i])))
    },
    decode: (bytes) =>
      split(bytes, parts.length).map((part, i) => (parts[i] as Codec<unknown>).decode(part)) as unknown as T,
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = []
  for (let i = 0; i < parts.length - 1; i++) {
    for (const byte of parts[i] as Uint8Array) byte === 0 ? bytes.push(0, ESCAPED_ZERO) : bytes.push(byte)
    bytes.push(0, PART_END)
  }
  const last = parts[parts.length - 1] as Uint8Array
  const all = new Uint8Array(bytes.length + last.length)
  all.set(bytes)
  all.set(last, bytes.length)
  return all
}

/** The parts of a tuple, each in memory of its own, for a codec owns what it decodes. */
function split(bytes: Uint8Array, count: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let at = 0
  while (parts.length < count - 1) {
    const part: number[] = []
    while (bytes[at] !== 0 || bytes[at + 1] === ESCAPED_ZERO) {
      if (at >= bytes.length) throw refused(`the bytes are not a tuple of ${count}`)
      part.push(bytes[at] as number)
      at += bytes[at] === 0 ? 2 : 1
    }
    if (bytes[at + 1] !== PART_END) throw refused(`the bytes are not a tuple of ${count}`)
    parts.push(Uint8Array.from(part))
    at += 2
  }
  parts.push(bytes.slice(at))
  return parts
}
