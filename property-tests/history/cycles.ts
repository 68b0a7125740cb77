/**
 * How transactions depend on each other, and the cycles in it, by the definitions of A. Adya, "Weak
 * Consistency" (PhD thesis, MIT 1999), found in the way of K. Kingsbury and P. Alvaro, "Elle: Inferring
 * Isolation Anomalies from Experimental Observations" (VLDB 2020).
 *
 *   ww  T1 wrote a version, T2 the next one              T2 overwrites T1
 *   wr  T1 wrote a version, T2 read it                   T2 depends on T1
 *   rw  T1 read a version, T2 wrote the next one         T2 must come after T1, an anti-dependency
 *   rt  T1 had ended when T2 began                       real time
 *
 * If all of it points one way, the transactions in that order are a serial execution with the same
 * outcome. A cycle says that there is none, and its edges say by which name it goes:
 *
 *   G0             ww only: a write cycle
 *   G1c            ww and wr: circular information flow
 *   lost update    rw to one that then is overwritten on the same key, P4
 *   G-single       one rw: read skew
 *   G-nonadjacent  several rw, no two of them in a row
 *   G2-item        rw in a row: write skew
 *   G2             the same, one of them about a key that a range did not find: phantoms
 *
 * and `-realtime` after it when it takes an rt edge to close.
 *
 * WHAT IS ALLOWED. A serializable transaction takes place at its commit. A snapshot transaction reads at
 * its begin and writes at its commit, and no one has written the same in between. A read-committed one
 * reads wherever it likes and writes at its commit. So every edge goes forward in time, from a commit to
 * a later begin or commit, with two exceptions: an rw edge from a snapshot transaction leaves from its
 * begin, so time stands still where such a transaction has been entered by an rw edge too, at its commit;
 * and an rw edge from a read-committed transaction says nothing. A cycle is allowed if it has one of
 * these, and forbidden else. For histories of one level this is what is known: serializable forbids all,
 * snapshot all without two rw in a row, read-committed all with no rw in them; it also holds for levels
 * side by side.
 */
import type { Change, Transaction } from './history.ts'
import { seenText } from './history.ts'
import type { Reading, Version, Versions } from './versions.ts'

export type EdgeKind = 'ww' | 'wr' | 'rw' | 'rt'

export interface Edge {
  readonly kind: EdgeKind
  readonly from: Transaction
  readonly to: Transaction
  /** The version that was overwritten, or read; none for rt. */
  readonly version?: Version
  readonly next?: Version
  readonly reading?: Reading
}

export type Cycle = readonly Edge[]

/** Which cycles are searched for: those beginning with an edge of one kind, and going on as it says. */
interface Search {
  readonly begins: (edge: Edge) => boolean
  readonly goesOn: (before: Edge, after: Edge) => boolean
}

const isPredicate = ({ kind, reading, version }: Edge): boolean =>
  kind === 'rw' && reading?.range !== undefined && version?.change?.do !== 'write'
const isPlain = ({ kind }: Edge): boolean => kind === 'ww' || kind === 'wr'
const isRw = ({ kind }: Edge): boolean => kind === 'rw'

/** From the worst anomaly to the mildest. */
const SEARCHES: readonly Search[] = [
  { begins: ({ kind }) => kind === 'ww', goesOn: (_, { kind }) => kind === 'ww' },
  { begins: ({ kind }) => kind === 'wr', goesOn: (_, after) => isPlain(after) },
  { begins: isRw, goesOn: (_, after) => isPlain(after) },
  { begins: isRw, goesOn: (before, after) => !(isRw(before) && isRw(after)) },
  { begins: (edge) => isRw(edge) && !isPredicate(edge), goesOn: (_, after) => !isPredicate(after) },
  { begins: isRw, goesOn: () => true },
]

/** Whether time may stand still, or go back, from one edge of a cycle to the next. */
const isExcused = (before: Edge, after: Edge): boolean =>
  isRw(after) && (after.from.level === 'read-committed' || (after.from.level === 'snapshot' && isRw(before)))

const FORBIDDEN: Search = { begins: () => true, goesOn: (before, after) => !isExcused(before, after) }

export function isForbidden(cycle: Cycle): boolean {
  if (isOverwrittenTwice(cycle)) return cycle.every(({ from }) => from.level !== 'read-committed')
  return cycle.every((edge, i) => !isExcused(cycle.at(i - 1) as Edge, edge))
}

export function nameOf(cycle: Cycle): string {
  const name = nameWithoutTime(cycle)
  return cycle.some(({ kind }) => kind === 'rt') ? `${name}-realtime` : name
}

function nameWithoutTime(cycle: Cycle): string {
  if (isOverwrittenTwice(cycle)) return 'lost update'
  const count = cycle.filter(isRw).length
  if (count === 0) return cycle.some(({ kind }) => kind === 'wr') ? 'G1c' : 'G0'
  if (count === 1) return isLostUpdate(cycle) ? 'lost update' : 'G-single'
  if (cycle.every((edge, i) => !(isRw(edge) && isRw(cycle.at(i - 1) as Edge)))) return 'G-nonadjacent'
  return cycle.some(isPredicate) ? 'G2' : 'G2-item'
}

function isLostUpdate(cycle: Cycle): boolean {
  const rw = cycle.find(isRw)
  return cycle.length === 2 && cycle.some(({ kind, version }) => kind === 'ww' && version?.key === rw?.version?.key)
}

/** Both read one version and wrote the next: whichever was first, its update is lost. */
function isOverwrittenTwice(cycle: Cycle): boolean {
  const [one, other] = cycle
  return cycle.length === 2 && cycle.every(isRw) && one?.version === other?.version
}

export class DependencyGraph {
  readonly edges: readonly Edge[]
  readonly #outgoing = new Map<Transaction, Edge[]>()

  constructor(versions: Versions, transactions: readonly Transaction[]) {
    this.edges = [...dependencies(versions), ...realTime(transactions)]
    for (const edge of this.edges) {
      const outgoing = this.#outgoing.get(edge.from)
      if (outgoing === undefined) this.#outgoing.set(edge.from, [edge])
      else outgoing.push(edge)
    }
  }

  /** Of each knot of transactions the shortest cycle of each name, and a forbidden one if there is any. */
  cycles(): Cycle[] {
    return this.#knots().flatMap((knot) => {
      const found = new Map<string, Cycle>()
      for (const withTime of [false, true]) {
        for (const search of SEARCHES) {
          const cycle = this.#search(knot, search, withTime)
          if (cycle !== undefined && !found.has(nameOf(cycle))) found.set(nameOf(cycle), cycle)
        }
      }
      const cycles = [...found.values()]
      const forbidden = cycles.some(isForbidden) ? undefined : this.#search(knot, FORBIDDEN, true)
      return forbidden === undefined ? cycles : [...cycles, forbidden]
    })
  }

  #search(knot: ReadonlySet<Transaction>, search: Search, withTime: boolean): Cycle | undefined {
    let shortest: Cycle | undefined
    for (const from of knot) {
      for (const edge of this.#edgesOf(from, knot)) {
        if (!search.begins(edge) || (edge.kind === 'rt' && !withTime)) continue
        const cycle = this.#shortestFrom(edge, knot, search, withTime)
        if (cycle !== undefined && (shortest === undefined || cycle.length < shortest.length)) shortest = cycle
      }
    }
    return shortest
  }

  #edgesOf(from: Transaction, knot: ReadonlySet<Transaction>): Edge[] {
    return (this.#outgoing.get(from) ?? []).filter(({ to }) => knot.has(to))
  }

  /** Breadth first. What may follow depends on a transaction and on whether an rw edge has led to it. */
  #shortestFrom(first: Edge, knot: ReadonlySet<Transaction>, search: Search, withTime: boolean): Cycle | undefined {
    const cameBy = new Map<Edge, Edge | undefined>([[first, undefined]])
    const entered = { byRw: new Set<Transaction>(), otherwise: new Set<Transaction>() }
    for (const edge of cameBy.keys()) {
      if (edge.to === first.from && search.goesOn(edge, first)) return pathTo(edge, cameBy)
      for (const next of this.#edgesOf(edge.to, knot)) {
        const known = isRw(next) ? entered.byRw : entered.otherwise
        if (known.has(next.to) || (next.kind === 'rt' && !withTime) || !search.goesOn(edge, next)) continue
        known.add(next.to)
        cameBy.set(next, edge)
      }
    }
    return undefined
  }

  /** Tarjan's strongly connected components of more than one transaction. */
  #knots(): Set<Transaction>[] {
    const knots: Set<Transaction>[] = []
    const numbers = new Map<Transaction, { readonly index: number; low: number; isOpen: boolean }>()
    const open: Transaction[] = []
    const visit = (transaction: Transaction): { low: number } => {
      const own = { index: numbers.size, low: numbers.size, isOpen: true }
      numbers.set(transaction, own)
      open.push(transaction)
      for (const { to } of this.#outgoing.get(transaction) ?? []) {
        const known = numbers.get(to)
        if (known === undefined) own.low = Math.min(own.low, visit(to).low)
        else if (known.isOpen) own.low = Math.min(own.low, known.index)
      }
      if (own.low === own.index) {
        const members = open.splice(open.indexOf(transaction))
        for (const member of members) (numbers.get(member) as { isOpen: boolean }).isOpen = false
        if (members.length > 1) knots.push(new Set(members))
      }
      return own
    }
    for (const transaction of this.#outgoing.keys()) if (!numbers.has(transaction)) visit(transaction)
    return knots
  }
}

function pathTo(last: Edge, cameBy: ReadonlyMap<Edge, Edge | undefined>): Cycle {
  const path: Edge[] = []
  for (let edge: Edge | undefined = last; edge !== undefined; edge = cameBy.get(edge)) path.unshift(edge)
  return path
}

function* dependencies(versions: Versions): Iterable<Edge> {
  for (const version of versions.all) {
    const { writer, readers, next: successors } = version
    for (const next of successors) {
      const to = next.writer as Transaction
      if (writer !== undefined && writer !== to) yield { kind: 'ww', from: writer, to, version, next }
      for (const reading of readers) {
        if (reading.reader !== to) yield { kind: 'rw', from: reading.reader, to, version, next, reading }
      }
    }
    for (const reading of readers) {
      if (writer !== undefined && writer !== reading.reader)
        yield { kind: 'wr', from: writer, to: reading.reader, version, reading }
    }
  }
}

/** Only from the last to end before a transaction began; those before them follow. */
function* realTime(transactions: readonly Transaction[]): Iterable<Edge> {
  for (const to of transactions) {
    const before = transactions.filter(({ end }) => end < to.begin)
    const latestBegin = Math.max(...before.map(({ begin }) => begin))
    for (const from of before) if (from.end >= latestBegin) yield { kind: 'rt', from, to }
  }
}

/** What an edge says, as a sentence. */
export function explain({ kind, from, to, version, next, reading }: Edge): string {
  if (kind === 'rt') return `${from.name} had ended when ${to.name} began`
  const key = version?.key
  if (kind === 'ww')
    return `${from.name} ${didOf(version?.change)} ${key}, and ${to.name} ${didOf(next?.change)} it after that`
  const read = `read ${key} = ${seenText(reading?.seen)}${reading?.range === undefined ? '' : ` in the range ${reading.range}`}`
  if (kind === 'wr') return `${from.name} ${didOf(version?.change)} ${key}, and ${to.name} ${read}`
  return `${from.name} ${read}, and ${to.name} ${didOf(next?.change)} it after that`
}

function didOf(change: Change | undefined): string {
  if (change?.do === 'append') return `appended ${change.value} to`
  return change?.do === 'delete' ? `deleted (${change.value})` : `wrote ${change?.value} to`
}
