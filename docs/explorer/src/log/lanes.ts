/**
 * Where the arrows of the log are drawn. The records of a transaction stand in one lane, as in the
 * graph of a version control system: each prevLSN is a line up the lane, so that sixty records stay
 * legible. A lane is free again after its transaction's END. The undoNextLSN of a CLR
 * leaps over what is undone: it is an arc beside the lanes, nested so that arcs do not cross more than
 * they must.
 */
import type { LogRow, Lsn } from '../session/types.ts'

/** A line up a lane, between rows by their index. */
export interface PrevLine {
  readonly lane: number
  readonly fromRow: number
  /** Undefined when the record is older than what is shown. */
  readonly toRow: number | undefined
}

/** A leap beside the lanes. */
export interface UndoArc {
  readonly lane: number
  readonly fromRow: number
  /** Undefined when nothing is left to undo, or the record is not shown. */
  readonly toRow: number | undefined
  /** How far out it swings; 0 is nearest to the lanes. */
  readonly depth: number
}

export interface Lanes {
  /** Records of no transaction have one of their own, the last. */
  readonly laneOfRow: readonly number[]
  readonly laneCount: number
  readonly prevLines: readonly PrevLine[]
  readonly undoArcs: readonly UndoArc[]
  readonly arcDepths: number
}

const NOBODY = -1

export function layOutLanes(log: readonly LogRow[]): Lanes {
  const rowOf = new Map(log.map((record, row) => [record.lsn, row]))
  const rowAt = (lsn: Lsn | undefined) => (lsn === undefined ? undefined : rowOf.get(lsn))
  const laneOf = assignLanes(log)
  const transactionLanes = Math.max(0, ...[...laneOf.values()].map((lane) => lane + 1))
  const laneOfRow = log.map(({ txnId }) => laneOf.get(txnId ?? NOBODY) ?? transactionLanes)
  const prevLines: PrevLine[] = []
  const leaps: Omit<UndoArc, 'depth'>[] = []
  log.forEach((record, fromRow) => {
    const lane = laneOfRow[fromRow]
    if (lane === undefined || record.txnId === undefined) return
    if (record.prevLsn !== undefined) prevLines.push({ lane, fromRow, toRow: rowOf.get(record.prevLsn) })
    if (record.type === 'clr') leaps.push({ lane, fromRow, toRow: rowAt(record.undoNextLsn) })
  })
  const undoArcs = nest(leaps)
  return {
    laneOfRow,
    laneCount: Math.max(0, ...laneOfRow.map((lane) => lane + 1)),
    prevLines,
    undoArcs,
    arcDepths: Math.max(0, ...undoArcs.map(({ depth }) => depth + 1)),
  }
}

/**
 * The lane of each transaction: the lowest that is free. An END frees its lane for later rows, and no record
 * changes the lane of an earlier one, so that nothing jumps as the log grows.
 */
function assignLanes(log: readonly LogRow[]): Map<number, number> {
  const laneOf = new Map<number, number>()
  const isTaken: boolean[] = []
  for (const { txnId, type } of log) {
    if (txnId === undefined) continue
    let lane = laneOf.get(txnId)
    if (lane === undefined) {
      const free = isTaken.indexOf(false)
      lane = free === -1 ? isTaken.length : free
      laneOf.set(txnId, lane)
    }
    isTaken[lane] = type !== 'end'
  }
  return laneOf
}

/** Further out they would take the place of the text; the few arcs that then overlap end at different rows. */
const DEPTH_MAX = 4

/** Shorter arcs lie inside: each gets the least depth at which nothing it overlaps lies already. */
function nest(leaps: readonly Omit<UndoArc, 'depth'>[]): UndoArc[] {
  const spanOf = ({ fromRow, toRow }: Omit<UndoArc, 'depth'>) => fromRow - (toRow ?? fromRow)
  const taken: { from: number; to: number }[][] = []
  return [...leaps]
    .sort((a, b) => spanOf(a) - spanOf(b) || a.fromRow - b.fromRow)
    .map((leap) => {
      if (leap.toRow === undefined) return { ...leap, depth: 0 }
      const { fromRow, toRow } = leap
      let depth = 0
      while (depth < DEPTH_MAX && taken[depth]?.some(({ from, to }) => from < fromRow && toRow < to)) depth++
      taken[depth] ??= []
      taken[depth]?.push({ from: toRow, to: fromRow })
      return { ...leap, depth }
    })
}
