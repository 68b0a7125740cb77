/**
 * What a history says about the versions of each object: who wrote them, who read them, and which came
 * after which.
 *
 *     unborn --> 1 (T1) --> 4 (T3) --> 2 (T2)          each value is a version; its writer has committed
 *                   read by T2, T5
 *
 * THE ORDER of a list's versions is the longest list that was read: every other read must be the
 * beginning of it. What was appended and never read comes after all that was. The order of a register's
 * versions is the given one; without it, a version comes right after the one that its writer had read.
 *
 * WHO COUNTS. Of transactions that committed, everything; of those that did not, what they had read: no
 * level lets a transaction see what it must not see as long as it rolls back in the end. One whose
 * commit was under way when the database went down has committed if anybody else has seen its changes.
 *
 * A MOMENT is what a single operation of a transaction shows that does not see one state throughout. It
 * is checked as a transaction of its own that only reads a snapshot, between the operation's begin and end.
 *
 * NOTHING as a result of a read may be any of several versions: before the first write, after each
 * deletion. A version is named only when there is one that it can be.
 *
 * What is wrong without looking at more than one read (Adya's G1a and G1b, and what cannot be at all) is
 * found here; cycles.ts looks at how transactions depend on each other.
 */
import { type Change, type History, isChange, type Moment, type Seen, seenText, type Transaction } from './history.ts'

export interface Version {
  readonly key: string
  /** undefined: before the first write. */
  readonly writer: Transaction | undefined
  readonly change: Change | undefined
  readonly readers: Reading[]
  readonly next: Version[]
}

/** A read of what others have left, the reader's own changes taken away. */
export interface Reading {
  readonly reader: Transaction
  readonly key: string
  readonly seen: Seen
  /** The range that it was read in. */
  readonly range: string | undefined
}

/** Something that no level allows. */
export interface Finding {
  readonly name: 'G1a' | 'G1b' | 'own change not seen' | 'never written' | 'read twice' | 'incompatible orders'
  readonly text: string
}

interface Written {
  readonly writer: Transaction
  readonly change: Change
  /** The last change of its transaction to that object that was not undone. */
  readonly isFinal: boolean
}

export class Versions {
  readonly findings: Finding[] = []
  /** All versions of all objects. */
  readonly all: Version[] = []
  readonly moments: Transaction[] = []
  readonly #history: History
  readonly #written = new Map<string, Map<number, Written>>()
  readonly #readings: Reading[] = []
  readonly #committed = new Set<Transaction>()

  constructor(history: History) {
    this.#history = history
    for (const transaction of history.transactions) this.#collectChanges(transaction)
    for (const transaction of history.transactions) this.#collectReadings(transaction)
    this.#resolveOutcomes()
    const readings = groupBy(this.#readings, ({ key }) => key)
    for (const [key, written] of this.#written) this.#order(key, written, readings.get(key) ?? [])
    for (const [key, [reading]] of readings)
      if (!this.#written.has(key) && !isNothing(reading?.seen)) this.#neverWritten(reading as Reading)
  }

  hasCommitted(transaction: Transaction): boolean {
    return this.#committed.has(transaction)
  }

  #collectChanges(transaction: Transaction): void {
    const last = new Map<string, Change>()
    const changes = transaction.operations.filter(isChange)
    for (const change of changes) if (change.undoneAt === undefined) last.set(change.key, change)
    for (const change of changes) {
      const written = this.#written.get(change.key) ?? new Map<number, Written>()
      this.#written.set(change.key, written)
      if (written.has(change.value)) throw new Error(`${change.value} is written to ${change.key} twice`)
      written.set(change.value, { writer: transaction, change, isFinal: last.get(change.key) === change })
    }
  }

  #collectReadings(reader: Transaction): void {
    for (const [index, operation] of reader.operations.entries()) {
      if (isChange(operation)) continue
      const moment = operation.at === undefined ? undefined : this.#momentOf(reader, index, operation.at)
      if (operation.do === 'read') {
        this.#collect({ reader, key: operation.key, seen: operation.seen, range: undefined }, index, moment)
        continue
      }
      const { from, to, found } = operation
      const keys = [...this.#written.keys()].filter((key) => key >= from && key <= to)
      const range = `${from} to ${to}`
      for (const key of new Set([...keys, ...found.keys()])) {
        this.#collect({ reader, key, seen: found.get(key), range }, index, moment)
      }
    }
  }

  #momentOf({ name }: Transaction, index: number, [begin, end]: Moment): Transaction {
    const outcome = 'committed'
    const moment = { name: `${name}.${index}`, level: 'snapshot', outcome, begin, end, operations: [] } as const
    this.moments.push(moment)
    return moment
  }

  /** Takes the reader's own changes off what it has read. The moment has seen what the transaction has not written itself. */
  #collect(reading: Reading, index: number, moment: Transaction | undefined): void {
    const { reader, key, seen } = reading
    const own = reader.operations
      .slice(0, index)
      .filter(isChange)
      .filter((change) => change.key === key && !(change.undoneAt !== undefined && change.undoneAt <= index))
    const last = own.at(-1)
    if (last === undefined) {
      this.#readings.push(reading)
      if (moment !== undefined) this.#readings.push({ ...reading, reader: moment })
    } else if (last.do === 'append') {
      const list = Array.isArray(seen) ? (seen as readonly number[]) : []
      const before = list.length - own.length
      if (own.every(({ value }, i) => list[before + i] === value))
        this.#readings.push({ ...reading, seen: list.slice(0, before) })
      else this.#ownNotSeen(reading, own)
    } else if (seen !== (last.do === 'delete' ? undefined : last.value)) this.#ownNotSeen(reading, own)
  }

  #ownNotSeen({ reader, key, seen }: Reading, own: readonly Change[]): void {
    const did = own.map(({ do: what, value }) => `${what} ${value}`).join(', ')
    this.#find('own change not seen', `${reader.name} did ${did} to ${key}, and then read ${key} = ${seenText(seen)}`)
  }

  /** Whose commit was under way has committed if somebody else has seen something of it. */
  #resolveOutcomes(): void {
    for (const transaction of this.#history.transactions) {
      if (transaction.outcome === 'committed') this.#committed.add(transaction)
    }
    const note = (written: Written | undefined, reader: Transaction): void => {
      if (written?.writer.outcome === 'unknown' && written.writer !== reader && written.change.undoneAt === undefined)
        this.#committed.add(written.writer)
    }
    for (const { key, seen, reader } of this.#readings) {
      const written = this.#written.get(key)
      for (const value of valuesOf(seen)) note(written?.get(value), reader)
    }
    for (const reading of this.#readings) {
      const [only, ...others] = isNothing(reading.seen) ? this.#candidatesOf(reading) : []
      if (others.length === 0) note(only, reading.reader)
    }
  }

  /** What may have left nothing where nothing was read: deletions, and undefined for no change at all. */
  #candidatesOf({ key, reader }: Reading): (Written | undefined)[] {
    const written = [...(this.#written.get(key)?.values() ?? [])].filter(({ writer }) => writer !== reader)
    const standing = written.filter(
      ({ writer, change }) => writer.outcome !== 'aborted' && change.undoneAt === undefined,
    )
    const deletions = standing.filter(({ change }) => change.do === 'delete')
    const wasThere = standing.some(({ writer }) => writer.outcome === 'committed' && writer.end < reader.begin)
    return wasThere && deletions.length > 0 ? deletions : [undefined, ...deletions]
  }

  #stands({ writer, change }: Written): boolean {
    return this.#committed.has(writer) && change.undoneAt === undefined
  }

  /** Makes the versions of an object, puts them in order, and gives them their readers. */
  #order(key: string, written: ReadonlyMap<number, Written>, readings: readonly Reading[]): void {
    const unborn: Version = { key, writer: undefined, change: undefined, readers: [], next: [] }
    const versions = new Map<number, Version>()
    for (const [value, each] of written) {
      if (this.#stands(each))
        versions.set(value, { key, writer: each.writer, change: each.change, readers: [], next: [] })
    }
    this.all.push(unborn, ...versions.values())
    const isList = [...written.values()].some(({ change }) => change.do === 'append')
    for (const reading of readings) {
      if (!this.#isSound(reading, written)) continue
      const version = this.#versionOf(reading, versions, unborn)
      version?.readers.push(reading)
    }
    if (isList) this.#orderList(versions, unborn, readings)
    else this.#orderRegister(key, versions, unborn)
  }

  /** Whether all that was read was written by committed transactions; says so if not. */
  #isSound(reading: Reading, written: ReadonlyMap<number, Written>): boolean {
    const { reader, key, seen } = reading
    const values = valuesOf(seen)
    const repeated = values.find((value, i) => values.indexOf(value) !== i)
    if (repeated !== undefined) this.#find('read twice', `${reader.name} read ${key} = ${seenText(seen)}`)
    let isSound = repeated === undefined
    for (const [i, value] of values.entries()) {
      const each = written.get(value)
      if (each === undefined) this.#neverWritten(reading)
      else if (!this.#stands(each)) this.#abortedRead(reading, each)
      else if (i < values.length - 1 || each.isFinal) continue
      else {
        const text = `${reader.name} read ${key} = ${seenText(seen)}, which ${each.writer.name} changed once more before it committed`
        this.#find('G1b', text)
        continue
      }
      isSound = false
    }
    return isSound
  }

  #neverWritten({ reader, key, seen }: Reading): void {
    this.#find('never written', `${reader.name} read ${key} = ${seenText(seen)}, and nobody wrote that`)
  }

  #abortedRead({ reader, key, seen }: Reading, { writer, change }: Written): void {
    const why = change.undoneAt === undefined ? 'did not commit' : 'took that back'
    this.#find(
      'G1a',
      `${reader.name} read ${key} = ${seenText(seen)}; ${change.value} is of ${writer.name}, which ${why}`,
    )
  }

  #versionOf(reading: Reading, versions: ReadonlyMap<number, Version>, unborn: Version): Version | undefined {
    const last = valuesOf(reading.seen).at(-1)
    if (last !== undefined) return versions.get(last)
    const [only, ...others] = this.#candidatesOf(reading)
    if (others.length > 0) return undefined
    return only === undefined ? unborn : versions.get(only.change.value)
  }

  #orderList(versions: ReadonlyMap<number, Version>, unborn: Version, readings: readonly Reading[]): void {
    const lists = readings.map((reading) => ({
      reading,
      values: valuesOf(reading.seen).filter((value) => versions.has(value)),
    }))
    const longest = lists.toSorted((a, b) => b.values.length - a.values.length)[0]
    let last = unborn
    for (const value of longest?.values ?? []) last = chain(last, versions.get(value) as Version)
    for (const { reading, values } of lists) {
      if (longest === undefined || values.every((value, i) => value === longest.values[i])) continue
      const { reader, key, seen } = reading
      const other = longest.reading
      const text = `${reader.name} read ${key} = ${seenText(seen)}, and ${other.reader.name} read ${seenText(other.seen)}`
      this.#find('incompatible orders', text)
      break
    }
    const seen = new Set(longest?.values)
    const unseen = [...versions.values()].filter(({ change }) => !seen.has((change as Change).value))
    for (const [, ofOne] of groupBy(unseen, ({ writer }) => writer)) ofOne.reduce(chain, last)
  }

  #orderRegister(key: string, versions: ReadonlyMap<number, Version>, unborn: Version): void {
    const order = this.#history.orders.get(key)
    if (order !== undefined) {
      order.flatMap((value) => versions.get(value) ?? []).reduce(chain, unborn)
      return
    }
    for (const before of [unborn, ...versions.values()]) {
      for (const { reader } of before.readers) {
        const [first, ...more] = [...versions.values()].filter(({ writer }) => writer === reader)
        if (first !== undefined) [first, ...more].reduce(chain, before)
      }
    }
    // A single version can only come after none.
    const [only, ...others] = versions.values()
    if (only !== undefined && others.length === 0 && unborn.next.length === 0) chain(unborn, only)
  }

  #find(name: Finding['name'], text: string): void {
    this.findings.push({ name, text })
  }
}

function chain(before: Version, after: Version): Version {
  if (!before.next.includes(after)) before.next.push(after)
  return after
}

function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

const isNothing = (seen: Seen): boolean => seen === undefined || (Array.isArray(seen) && seen.length === 0)

function valuesOf(seen: Seen): readonly number[] {
  if (seen === undefined) return []
  return typeof seen === 'number' ? [seen] : seen
}
