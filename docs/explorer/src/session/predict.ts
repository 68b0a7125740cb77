/** Marks what a student has predicted of the two tables at the end of analysis, cell by cell. */
import type { CellMark, DirtyPageRow, Lsn, Marks, Prediction, RestartView, TransactionRow } from './types.ts'

/** What other books call the same. */
const STATUSES: Readonly<Record<string, string>> = {
  active: 'running',
  'in progress': 'running',
  undo: 'running',
  u: 'running',
  committed: 'committing',
  commit: 'committing',
  c: 'committing',
  aborted: 'aborting',
  abort: 'aborting',
}
const NO_LSN: ReadonlySet<string> = new Set(['', '-', '–', 'none', 'null', 'nil'])

export function markPrediction(restart: RestartView, prediction: Prediction): Marks {
  const transactions = markRows(
    prediction.transactions,
    restart.transactions,
    (given, wanted) => isSameName(given.txn, wanted.name),
    (given, wanted) => ({
      txn: mark(given?.txn, wanted?.name, isSameName),
      status: mark(given?.status, wanted?.status, isSameStatus),
      lastLsn: mark(given?.lastLsn, wanted && lsnText(wanted.lastLsn), isSameLsn),
    }),
    ({ txn, status, lastLsn }) => txn + status + lastLsn,
  )
  const dirtyPages = markRows(
    prediction.dirtyPages,
    restart.dirtyPages,
    (given, wanted) => isSameName(given.page, wanted.page),
    (given, wanted) => ({
      page: mark(given?.page, wanted?.page, isSameName),
      recLsn: mark(given?.recLsn, wanted && lsnText(wanted.recLsn), isSameLsn),
    }),
    ({ page, recLsn }) => page + recLsn,
  )
  const cells: CellMark[] = [...transactions, ...dirtyPages].flatMap((row) => Object.values(row) as CellMark[])
  return { transactions, dirtyPages, right: cells.filter(({ isRight }) => isRight).length, total: cells.length }
}

/** Rows find their answer by name, in any order; rows without anything in them do not count. */
function markRows<Given, Wanted extends TransactionRow | DirtyPageRow, Row>(
  given: readonly Given[],
  wanted: readonly Wanted[],
  isSame: (given: Given, wanted: Wanted) => boolean,
  markRow: (given: Given | undefined, wanted: Wanted | undefined) => Row,
  contentOf: (given: Given) => string,
): Row[] {
  const left = [...wanted]
  const filled = given.filter((row) => contentOf(row).trim() !== '')
  const marked = filled.map((row) => {
    const index = left.findIndex((answer) => isSame(row, answer))
    return markRow(row, index < 0 ? undefined : left.splice(index, 1)[0])
  })
  return [...marked, ...left.map((answer) => markRow(undefined, answer))]
}

function mark(
  given: string | undefined,
  wanted: string | undefined,
  isSame: (given: string, wanted: string) => boolean,
): CellMark {
  const isRight = given !== undefined && wanted !== undefined && isSame(given, wanted)
  return { given: given ?? '', wanted: wanted ?? '', isRight }
}

const lsnText = (lsn: Lsn | undefined): string => (lsn === undefined ? '-' : String(lsn))
const plain = (text: string): string => text.trim().toLowerCase()

/** `T1`, `t1`, and `1` where the name is a letter with a number. */
function isSameName(given: string, wanted: string): boolean {
  const [a, b] = [plain(given), plain(wanted)]
  return a === b || (/^\d+$/.test(a) && /^[a-z]\d+$/.test(b) && b.slice(1) === a)
}

const isSameStatus = (given: string, wanted: string): boolean => (STATUSES[plain(given)] ?? plain(given)) === wanted

function isSameLsn(given: string, wanted: string): boolean {
  const [a, b] = [plain(given), plain(wanted)]
  return NO_LSN.has(a) || NO_LSN.has(b) ? NO_LSN.has(a) && NO_LSN.has(b) : Number(a) === Number(b)
}
