/** The tables of the text notation: transactions, dirty pages, and pages with their slots. */
import type { Att, Dpt, Pages, Symbolic } from '../scenario.ts'
import type { History } from './history.ts'
import type { Line } from './line.ts'

const STATUSES = ['running', 'committing', 'aborting'] as const

/** `T1 running 80, T3 aborting none`, or `none`. */
export function readAtt(line: Line): Att {
  return table(line, () => [
    line.name('a transaction or "none"'),
    () => ({
      status: line.oneOf(STATUSES, 'the status of the transaction'),
      lastLsn: line.lsnOrNull('its lastLSN'),
    }),
  ])
}

/** `P1 20, P2 30`, or `none`. */
export function readDpt(line: Line): Dpt {
  return table(line, () => [line.name('a page or "none"'), () => line.lsn('its recLSN')])
}

/** `T1 60, T2 none`, or `none`: the first record of each. */
export function readFirstLsns(line: Line): Record<string, { readonly firstLsn: Symbolic | null }> {
  return table(line, () => [
    line.name('a transaction or "none"'),
    () => ({ firstLsn: line.lsnOrNull('its first LSN') }),
  ])
}

/** `v: a0, w: b0`. */
export function readSlots(line: Line): Record<string, string> {
  return table(line, () => [
    line.name('a slot'),
    () => {
      line.sign(':', 'between a slot and its value')
      return line.name('the value of the slot')
    },
  ])
}

/** `P1 @20 v: a1, w: b1`; with `empty` for no slots, and nothing for those that the log tells. */
export function readPage(line: Line, history: History): [string, Pages[string]] {
  const start = line.token
  const name = line.name('a page or "none"')
  line.sign('@', 'and the pageLSN, or "none"')
  const pageLsn = line.lsnOrNull('the pageLSN')
  if (line.takes('empty')) return [name, { pageLsn, data: {} }]
  if (!line.isAtEnd) return [name, { pageLsn, data: readSlots(line) }]
  const data = history.content(name, pageLsn)
  if (data !== undefined) return [name, { pageLsn, data }]
  line.fail(`no record changes page ${name} at LSN ${pageLsn}, so its slots must be given ("v: a0"), or "empty"`, start)
}

/** Rows with commas between them; `read` gives the name, and then how to read the rest of the row. */
function table<T>(line: Line, read: () => [string, () => T]): Record<string, T> {
  const rows = new Map<string, T>()
  line.list(() => {
    const { token } = line
    const [name, readRest] = read()
    if (rows.has(name)) line.fail(`${name} is in this list already`, token)
    rows.set(name, readRest())
  })
  return Object.fromEntries(rows)
}
