/** Text and bytes: what of JavaScript's text can be stored, and how bytes that may be text are shown. */

const PRINTED_KEY_BYTES_MAX = 32
/** Bytes of a character that the end of what is shown may have cut. */
const CUT_BYTES_MAX = 3

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whether the text has no lone surrogates: UTF-8 makes one and the same character of all of these. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text)
}

/** The key in quotes if it is text that can be shown, else in hexadecimal; long ones are cut. */
export function printableKey(key: Uint8Array): string {
  const shown = key.subarray(0, PRINTED_KEY_BYTES_MAX)
  const rest = key.length > shown.length ? `... (${key.length} bytes)` : ''
  for (let cut = 0; cut <= (rest === '' ? 0 : CUT_BYTES_MAX); cut++) {
    const text = textOf(shown.subarray(0, shown.length - cut))
    if (text !== undefined) return `'${text}'${rest}`
  }
  return `0x${Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join('')}${rest}`
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes)
    return /\p{C}/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
