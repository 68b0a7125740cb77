/**
 * Histories: what the clients of a database did and saw, transaction by transaction. Nothing in here, and
 * nothing that judges a history, knows the engine; whoever can write a history down can have it judged.
 *
 * Two kinds of objects are worked on, each under a key of its own:
 *
 *   lists       appended to and read as a whole. A read shows in which order the appends took place.
 *   registers   written, deleted, read one by one and in ranges. In which order the writes took place is
 *               given with the history, or found out as far as transactions have read what they replaced.
 *
 * Each value is appended or written once in a history, so a read says whom it read from. A deletion has
 * a number too, though nobody can read it.
 *
 * NOTATION. Tests write histories as text, and failures print them so:
 *
 *   T1 @0-9 snapshot: a(x,1) r(x)=[1] w(p,2)~4 d(q,3) r(p)=- range(p,q)={p:2} commit
 *   order p: 2 5
 *
 *   a append, w write, d delete, r read; `-` is nothing. `~4` says that the change was undone before the
 *   operation at index 4. `@0-9` is when the transaction began and ended; without it, it runs beside all
 *   others. The level is serializable unless it is said. A transaction ends with `commit`, `abort`, or
 *   `unknown`, when the database went down before its commit was acknowledged.
 */

export type Level = 'serializable' | 'snapshot' | 'read-committed'
export type Outcome = 'committed' | 'aborted' | 'unknown'

/** What a register was seen to hold, or a list. */
export type Seen = number | undefined | readonly number[]

export interface Change {
  readonly do: 'append' | 'write' | 'delete'
  readonly key: string
  readonly value: number
  /** A rollback to a savepoint has undone it: the index of the operation that was the next after that. */
  undoneAt?: number
}

/** When an operation that has to show one moment began and ended. */
export type Moment = readonly [begin: number, end: number]

export type Operation =
  | Change
  | { readonly do: 'read'; readonly key: string; readonly seen: Seen; readonly at?: Moment }
  /** All registers from one key to another, both included. */
  | {
      readonly do: 'range'
      readonly from: string
      readonly to: string
      readonly found: ReadonlyMap<string, number>
      readonly at?: Moment
    }

export interface Transaction {
  readonly name: string
  readonly level: Level
  readonly outcome: Outcome
  /** When it began, and when it had ended: if unknown, when the database went down. */
  readonly begin: number
  readonly end: number
  readonly operations: readonly Operation[]
}

export interface History {
  readonly transactions: readonly Transaction[]
  /** For registers: the values in the order in which they were written, also those that did not stay. */
  readonly orders: ReadonlyMap<string, readonly number[]>
}

export const isChange = (operation: Operation): operation is Change =>
  operation.do !== 'read' && operation.do !== 'range'

const LEVELS: readonly Level[] = ['serializable', 'snapshot', 'read-committed']
const OUTCOMES: Readonly<Record<string, Outcome>> = { commit: 'committed', abort: 'aborted', unknown: 'unknown' }
const CHANGES: Readonly<Record<string, Change['do']>> = { a: 'append', w: 'write', d: 'delete' }

export function seenText(seen: Seen): string {
  if (seen === undefined) return '-'
  return typeof seen === 'number' ? String(seen) : `[${seen.join(' ')}]`
}

function operationText(operation: Operation): string {
  const at = 'at' in operation ? `@${operation.at.join('-')}` : ''
  if (operation.do === 'read') return `r(${operation.key})=${seenText(operation.seen)}${at}`
  if (operation.do === 'range') {
    const found = [...operation.found].map(([key, value]) => `${key}:${value}`)
    return `range(${operation.from},${operation.to})={${found.join(' ')}}${at}`
  }
  const { key, value, undoneAt } = operation
  return `${operation.do[0]}(${key},${value})${undoneAt === undefined ? '' : `~${undoneAt}`}`
}

function transactionText({ name, level, outcome, begin, end, operations }: Transaction): string {
  const ending = Object.keys(OUTCOMES).find((word) => OUTCOMES[word] === outcome) as string
  return `${name} @${begin}-${end} ${level}: ${[...operations.map(operationText), ending].join(' ')}`
}

export function historyText({ transactions, orders }: History): string {
  const ordered = [...orders].map(([key, values]) => `order ${key}: ${values.join(' ')}`)
  return [...transactions.map(transactionText), ...ordered].join('\n')
}

/** The history that a text says. @throws when it cannot be read */
export function parseHistory(text: string): History {
  const transactions: Transaction[] = []
  const orders = new Map<string, readonly number[]>()
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '') continue
    const [, key, values] = line.match(/^order (\S+): (.*)$/) ?? []
    if (key !== undefined && values !== undefined) orders.set(key, numbersOf(values))
    else transactions.push(parseTransaction(line))
  }
  return { transactions, orders }
}

function parseTransaction(line: string): Transaction {
  const [, name, begin = '0', end = 'Infinity', level = 'serializable', rest] =
    line.match(/^(\w+)(?: @(\d+)-(\d+|Infinity))?(?: ([\w-]+))?: (.*)$/) ?? []
  if (name === undefined || rest === undefined || !LEVELS.includes(level as Level))
    throw new Error(`not a transaction: ${line}`)
  const words = rest.match(/[^\s[{]+(?:(?:\[[^\]]*\]|\{[^}]*\})(?:@\S+)?)?/g) ?? []
  const outcome = OUTCOMES[words.pop() ?? '']
  if (outcome === undefined) throw new Error(`no end: ${line}`)
  const operations = words.map(parseOperation)
  return { name, level: level as Level, outcome, begin: Number(begin), end: Number(end), operations }
}

function parseOperation(word: string): Operation {
  const [, kind, key, value, undoneAt] = word.match(/^([awd])\(([^,]+),(\d+)\)(?:~(\d+))?$/) ?? []
  if (kind !== undefined && key !== undefined) {
    const change: Change = { do: CHANGES[kind] as Change['do'], key, value: Number(value) }
    return undoneAt === undefined ? change : { ...change, undoneAt: Number(undoneAt) }
  }
  const [, read, begin, end] = word.match(/^(.*?)(?:@(\d+)-(\d+))?$/) as string[]
  const at = begin === undefined ? {} : { at: [Number(begin), Number(end)] as const }
  return { ...parseRead(read as string), ...at }
}

function parseRead(word: string): Operation {
  const [, key, seen] = word.match(/^r\(([^)]+)\)=(.+)$/) ?? []
  if (key !== undefined && seen !== undefined) return { do: 'read', key, seen: parseSeen(seen) }
  const [, from, to, found] = word.match(/^range\(([^,]+),([^)]+)\)=\{(.*)\}$/) ?? []
  if (from === undefined || to === undefined || found === undefined) throw new Error(`not an operation: ${word}`)
  const entries = found.split(' ').filter((each) => each !== '')
  return { do: 'range', from, to, found: new Map(entries.map(parseEntry)) }
}

function parseEntry(text: string): [string, number] {
  const [key = '', value] = text.split(':')
  return [key, Number(value)]
}

function parseSeen(text: string): Seen {
  if (text === '-') return undefined
  return text.startsWith('[') ? numbersOf(text.slice(1, -1)) : Number(text)
}

const numbersOf = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number)
