/**
 * A drawing as SVG: boxes, words, lines with arrowheads. Colours are classes of drawing.css, so that a drawing
 * is legible on a light and on a dark page, in the site and as a file.
 */

/** What a line or a word is to look like. */
export type Look = '' | 'faint' | 'strong' | 'bad' | 'head' | 'code' | 'dashed'
/** What a box is filled with. */
export type Fill = '' | 'one' | 'two' | 'three' | 'lost' | 'none'

export interface Point {
  readonly x: number
  readonly y: number
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
const classOf = (look: Look | Fill): string => (look === '' ? '' : ` class="${look}"`)
const round = (value: number): number => Math.round(value * 10) / 10
/** Half the width of an arrowhead, and its length. */
const HEAD = { half: 4, length: 8 }

export class Drawing {
  readonly #size: { readonly width: number; readonly height: number }
  readonly #description: string
  readonly #parts: string[] = []

  /** The description is for those who do not see it. */
  constructor(width: number, height: number, description: string) {
    this.#size = { width, height }
    this.#description = description
  }

  box(x: number, y: number, width: number, height: number, fill: Fill = ''): this {
    return this.#add(`<rect${classOf(fill)} x="${x}" y="${y}" width="${width}" height="${height}" rx="4"/>`)
  }

  /** Words in the middle of a place, or beginning or ending there. */
  text(x: number, y: number, words: string, look: Look = '', anchor: 'start' | 'middle' | 'end' = 'middle'): this {
    const place = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"`
    return this.#add(`<text${classOf(look)} ${place}>${escaped(words)}</text>`)
  }

  /** A box with lines of words in it, the first of them as a heading when there are several. */
  labelled(x: number, y: number, width: number, height: number, words: readonly string[], fill: Fill = ''): this {
    this.box(x, y, width, height, fill)
    const top = y + height / 2 + 5 - ((words.length - 1) * 18) / 2
    for (const [i, line] of words.entries()) {
      this.text(x + width / 2, top + i * 18, line, i === 0 && words.length > 1 ? 'head' : '')
    }
    return this
  }

  line(from: Point, to: Point, look: Look = ''): this {
    return this.#add(`<path${classOf(look)} d="M${round(from.x)} ${round(from.y)}L${round(to.x)} ${round(to.y)}"/>`)
  }

  arrow(from: Point, to: Point, look: Look = ''): this {
    return this.line(from, to, look).#head(from, to, look)
  }

  /** An arrow in a bow over `height`, below when that is negative. */
  bow(from: Point, to: Point, height: number, look: Look = ''): this {
    const y = round(from.y - height)
    const [a, b] = [round(from.x), round(to.x)]
    this.#add(`<path${classOf(look)} d="M${a} ${round(from.y)}C${a} ${y} ${b} ${y} ${b} ${round(to.y)}"/>`)
    return this.#head({ x: to.x, y: to.y - Math.sign(height) * 20 }, to, look)
  }

  #head(from: Point, to: Point, look: Look): this {
    const length = Math.hypot(to.x - from.x, to.y - from.y)
    const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length]
    const base = { x: to.x - ux * HEAD.length, y: to.y - uy * HEAD.length }
    const corners = [
      [to.x, to.y],
      [base.x - uy * HEAD.half, base.y + ux * HEAD.half],
      [base.x + uy * HEAD.half, base.y - ux * HEAD.half],
    ]
    const points = corners.map((corner) => corner.map(round).join(','))
    return this.#add(`<polygon${classOf(look === 'dashed' ? '' : look)} points="${points.join(' ')}"/>`)
  }

  #add(part: string): this {
    this.#parts.push(part)
    return this
  }

  /** The drawing as a file, with its style in it. */
  svg(style: string): string {
    const { width, height } = this.#size
    const open = `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escaped(this.#description)}">`
    return `${[open, `<style>\n${style}</style>`, ...this.#parts, '</svg>'].join('\n')}\n`
  }
}
