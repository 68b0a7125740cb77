/** What of a state differs from the one before it. */
import type { Changes, DirtyPageRow, EngineState, LogRow, PageRow, PageView, TransactionRow } from './types.ts'

export function changesBetween(before: EngineState, after: EngineState): Changes {
  return {
    log: changed(before.log, after.log, ({ lsn }) => lsn, isSame<LogRow>),
    transactions: changed(before.transactions, after.transactions, ({ txnId }) => txnId, isSame<TransactionRow>),
    dirtyPages: changed(before.dirtyPages, after.dirtyPages, ({ pageId }) => pageId, isSame<DirtyPageRow>),
    pool: changed(before.pool, after.pool, ({ pageId }) => pageId, isSamePage),
    disk: changed(before.disk, after.disk, ({ pageId }) => pageId, isSamePage),
  }
}

/** The ids of rows that are new, differ or are gone. */
function changed<Row>(
  before: readonly Row[],
  after: readonly Row[],
  idOf: (row: Row) => number,
  isSameRow: (a: Row, b: Row) => boolean,
): number[] {
  const old = new Map(before.map((row) => [idOf(row), row]))
  const ids: number[] = []
  for (const row of after) {
    const id = idOf(row)
    const was = old.get(id)
    old.delete(id)
    if (was === undefined || (was !== row && !isSameRow(was, row))) ids.push(id)
  }
  return [...ids, ...old.keys()]
}

function isSame<Row extends object>(a: Row, b: Row): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Row>
  return [...names].every((name) => a[name] === b[name])
}

function isSamePage(a: PageView, b: PageView): boolean {
  const { rows: aRows, ...aRest } = a
  const { rows: bRows, ...bRest } = b
  return isSame(aRest, bRest) && isSameRows(aRows, bRows)
}

function isSameRows(a: readonly PageRow[], b: readonly PageRow[]): boolean {
  return a === b || (a.length === b.length && a.every((row, i) => isSame(row, b[i] as PageRow)))
}
