/** A page for people: the bytes of each field at the left, what they mean at the right. */
import { coloured } from '../output.ts'
import { type Field, fieldsOf } from './page-fields.ts'

const BYTES_A_LINE = 16
/** Of a longer field only the start is shown, unless all is asked for. */
const LINES_A_FIELD = 2

export function pageLines(page: { readonly bytes: Uint8Array; readonly view: DataView }, isFull: boolean): string[] {
  return fieldsOf(page).flatMap((field) => fieldLines(page.bytes, field, isFull))
}

function fieldLines(bytes: Uint8Array, { at, length, name, value }: Field, isFull: boolean): string[] {
  if (name === 'unused' && value === 'zeros' && !isFull) {
    return [`${offsetText(at)}  ${''.padEnd(3 * BYTES_A_LINE)} ${coloured('dim', `${length} unused bytes, all zero`)}`]
  }
  const count = Math.ceil(length / BYTES_A_LINE)
  const shown = isFull ? count : Math.min(count, LINES_A_FIELD)
  return Array.from({ length: shown }, (_, line) => {
    const from = at + line * BYTES_A_LINE
    const part = bytes.subarray(from, Math.min(from + BYTES_A_LINE, at + length))
    const hex = (Buffer.from(part).toString('hex').match(/../g) ?? []).join(' ').padEnd(3 * BYTES_A_LINE)
    const isCut = line === shown - 1 && shown < count
    const meaning = line === 0 ? `${name}${value === '' ? '' : `: ${value}`}` : coloured('dim', asciiOf(part))
    return `${offsetText(from)}  ${hex} ${meaning}${isCut ? coloured('dim', ` ... ${length} bytes`) : ''}`.trimEnd()
  })
}

const offsetText = (at: number): string => at.toString(16).padStart(4, '0')

const asciiOf = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x2e)))
