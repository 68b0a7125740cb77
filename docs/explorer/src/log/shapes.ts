/** The arrows beside the log as paths, for the page and for the exported picture. */
import type { LogRow } from '../session/types.ts'
import type { Lanes, PrevLine, UndoArc } from './lanes.ts'

/** In units of the root font size, as all of the page. */
const LANE_WIDTH = 0.8
const ARC_WIDTH = 0.55
const MARGIN = 0.7
const DOT = 0.28

/** Width of the gutter that the arrows need, in rem. */
export const gutterWidth = ({ laneCount, arcDepths }: Lanes): number =>
  MARGIN * 2 + Math.max(0, laneCount - 1) * LANE_WIDTH + arcDepths * ARC_WIDTH

export interface Shape {
  readonly d: string
  /** Whose it is; undefined = a record of no transaction. */
  readonly txnId: number | undefined
  /** Of a line: whether it is dashed; undefined = this is the dot of a record. */
  readonly isDashed: boolean | undefined
  readonly isFilled: boolean
  readonly row: number
}

/** All shapes, lines first, so that the dots lie over them. `rowMiddles` are in pixels, `rem` many to a unit. */
export function arrowShapes(
  log: readonly LogRow[],
  lanes: Lanes,
  rowMiddles: readonly number[],
  rem: number,
): readonly Shape[] {
  const laneX = (lane: number) => (MARGIN + lanes.arcDepths * ARC_WIDTH + lane * LANE_WIDTH) * rem
  const rowY = (row: number) => rowMiddles[row] ?? 0
  const dot = DOT * rem
  const lines = lanes.prevLines.map((line) => ({
    d: prevPath(line, laneX(line.lane), rowY, dot),
    txnId: log[line.fromRow]?.txnId,
    isDashed: false,
    isFilled: false,
    row: line.fromRow,
  }))
  const arcs = lanes.undoArcs.map((arc) => ({
    d: undoPath(arc, { x: laneX(arc.lane), outX: laneX(0) - (arc.depth + 1) * ARC_WIDTH * rem }, rowY, dot),
    txnId: log[arc.fromRow]?.txnId,
    isDashed: arc.toRow !== undefined,
    isFilled: false,
    row: arc.fromRow,
  }))
  const dots = log.map(({ txnId, type }, row) => {
    const draw = txnId === undefined ? diamond : circle
    const d = draw(laneX(lanes.laneOfRow[row] ?? 0), rowY(row), dot)
    return { d, txnId, isDashed: undefined, isFilled: type !== 'clr' && txnId !== undefined, row }
  })
  return [...lines, ...arcs, ...dots]
}

/** Up the lane, with a head at the record that prevLSN names; a stump when that is not shown. */
function prevPath({ fromRow, toRow }: PrevLine, x: number, rowY: (row: number) => number, dot: number): string {
  const from = rowY(fromRow) - dot
  if (toRow === undefined) return `M${x} ${from}V${from - dot}`
  const to = rowY(toRow) + dot + 1
  return `M${x} ${from}V${to}M${x - dot * 0.8} ${to + dot}L${x} ${to}L${x + dot * 0.8} ${to + dot}`
}

/** Out of the lane, up, and back in at the record that is to be undone next; a stump with a bar for none. */
function undoPath(
  { fromRow, toRow }: UndoArc,
  { x, outX }: { readonly x: number; readonly outX: number },
  rowY: (row: number) => number,
  dot: number,
): string {
  const from = rowY(fromRow)
  if (toRow === undefined) return `M${x - dot} ${from}H${outX}M${outX} ${from - dot}V${from + dot}`
  const to = rowY(toRow) + dot * 0.5
  const bend = Math.min(dot * 2, (from - to) / 2)
  const end = x - dot - 1
  return [
    `M${x - dot} ${from}H${outX + bend}Q${outX} ${from} ${outX} ${from - bend}`,
    `V${to + bend}Q${outX} ${to} ${outX + bend} ${to}H${end}`,
    `M${end - dot} ${to - dot * 0.8}L${end} ${to}L${end - dot} ${to + dot * 0.8}`,
  ].join('')
}

const diamond = (x: number, y: number, size: number): string =>
  `M${x} ${y - size}L${x + size} ${y}L${x} ${y + size}L${x - size} ${y}Z`

const circle = (x: number, y: number, radius: number): string =>
  `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${radius * 2} 0a${radius} ${radius} 0 1 0 ${-radius * 2} 0Z`
