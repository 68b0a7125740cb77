/**
 * Tables as SVG text, laid out without a browser: all text of the picture is of one width per sign, so that
 * it comes out the same in a slide program as here.
 */
import type { Palette } from '../theme.ts'

export const FONT_SIZE = 14
export const FONT = "'DejaVu Sans Mono','Menlo','Consolas',ui-monospace,monospace"
/** Of all the fonts above. */
const SIGN_WIDTH = FONT_SIZE * 0.61
export const ROW_HEIGHT = 24
const CELL_GAP = 18
const HEAD_HEIGHT = 30

export interface SvgRow {
  readonly cells: readonly string[]
  readonly isLit?: boolean
  /** A line across the table instead of a row. */
  readonly isDivider?: boolean
}

export interface SvgTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly SvgRow[]
  /** Room at the left of all rows, for arrows. */
  readonly gutter?: number
}

export interface Drawn {
  readonly svg: string
  readonly width: number
  readonly height: number
  /** The middle of each row, from the top of the table. */
  readonly rowMiddles: readonly number[]
}

export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

export const textWidth = (text: string): number => text.length * SIGN_WIDTH

interface TextStyle {
  readonly fill: string
  readonly isBold?: boolean
}

export const svgText = (x: number, y: number, text: string, { fill, isBold = false }: TextStyle): string =>
  `<text x="${x}" y="${y}" fill="${fill}"${isBold ? ' font-weight="bold"' : ''} xml:space="preserve">${escapeXml(text)}</text>`

/** Words in lines of at most `width`. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

export function drawTable(table: SvgTable, palette: Palette): Drawn {
  const { title, columns, rows, gutter = 0 } = table
  const body = rows.filter(({ isDivider }) => isDivider !== true)
  const widths = columns.map((column, index) =>
    Math.max(textWidth(column), ...body.map(({ cells }) => textWidth(cells[index] ?? ''))),
  )
  const xs = widths.map(
    (_, index) => gutter + widths.slice(0, index).reduce((sum, width) => sum + width + CELL_GAP, 10),
  )
  const dividers = rows.filter(({ isDivider }) => isDivider).map(({ cells }) => textWidth(cells[0] ?? '') + gutter + 20)
  const width = Math.max(textWidth(title) + 20, (xs.at(-1) ?? 0) + (widths.at(-1) ?? 0) + 10, ...dividers)
  const rowMiddles: number[] = []
  let y = HEAD_HEIGHT + ROW_HEIGHT
  const drawn = rows.map((row) => {
    const top = y
    y += ROW_HEIGHT
    const base = top + ROW_HEIGHT * 0.7
    if (row.isDivider) {
      return (
        `<path d="M0 ${top + 2}H${width}" stroke="${palette.bad}" stroke-width="2" stroke-dasharray="6 4"/>` +
        svgText(gutter + 10, base, row.cells[0] ?? '', { fill: palette.bad })
      )
    }
    rowMiddles.push(top + ROW_HEIGHT / 2)
    const lit = row.isLit
      ? `<rect x="0" y="${top}" width="${width}" height="${ROW_HEIGHT}" fill="${palette.lit}"/>` +
        `<rect x="0" y="${top}" width="4" height="${ROW_HEIGHT}" fill="${palette.litEdge}"/>`
      : ''
    return lit + row.cells.map((cell, index) => svgText(xs[index] ?? 0, base, cell, { fill: palette.ink })).join('')
  })
  const heads = columns.map((column, index) =>
    svgText(xs[index] ?? 0, HEAD_HEIGHT + ROW_HEIGHT * 0.7, column, { fill: palette.muted }),
  )
  const svg = [
    `<rect width="${width}" height="${y + 6}" rx="6" fill="${palette.panel}" stroke="${palette.line}"/>`,
    svgText(10, 20, title, { fill: palette.ink, isBold: true }),
    ...(rows.length === 0 ? [svgText(10, HEAD_HEIGHT + ROW_HEIGHT * 0.7, 'empty', { fill: palette.muted })] : heads),
    ...drawn,
  ].join('')
  return { svg, width, height: y + 6, rowMiddles }
}
