/**
 * Iterators over the entries of a range: one that may have to wait for locks, and one that never waits.
 * Both stay right while others, or their own transaction, write, split, merge and delete around them.
 */
import { type ByteRange, copyOfBound, restOf } from './range.ts'
import { decodedKey, decodedValue, type TableShape } from './table-shape.ts'
import type { Walk } from './walk.ts'

/** An ordered, lazy sequence of entries. Leaving a `for await` loop closes it. */
export interface Entries<K, V> extends AsyncIterableIterator<[K, V], undefined> {
  next(): Promise<IteratorResult<[K, V], undefined>>
  return(): Promise<IteratorReturnResult<undefined>>
  /**
   * Goes to the first entry of the range at or after `key` (at or before it in reverse); `next` gives it.
   * @throws `KEY_TOO_LARGE`, `INVALID_ARGUMENT`: then it stays where it is
   */
  seek(key: K): void
  /** The next entries, at most `count`; fewer only at the end. */
  nextv(count: number): Promise<[K, V][]>
  /** All that are left. */
  all(): Promise<[K, V][]>
  /** Ends it: what it holds back is let go. */
  close(): Promise<void>
}

/** The same without waiting. Leaving a `for` loop closes it. */
export interface SnapshotEntries<K, V> extends IterableIterator<[K, V], undefined> {
  next(): IteratorResult<[K, V], undefined>
  return(): IteratorReturnResult<undefined>
  /**
   * Goes to the first entry of the range at or after `key` (at or before it in reverse); `next` gives it.
   * @throws `KEY_TOO_LARGE`, `INVALID_ARGUMENT`: then it stays where it is
   */
  seek(key: K): void
  /** The next entries, at most `count`; fewer only at the end. */
  nextv(count: number): [K, V][]
  /** All that are left. */
  all(): [K, V][]
  /** Ends it: what it holds back is let go. */
  close(): void
}

/** So many entries of an iterator count as one operation: they are quick, and with a turn for each 512 a scan took a tenth longer. */
const ENTRIES_PER_OPERATION = 8
const END: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** The range that an iterator goes over. */
export interface RangePorts {
  readonly range: ByteRange
  readonly keyBytesMax: number
  /** Begins to walk the range, or what is left of it. */
  readonly open: (range: ByteRange) => Walk
}

/** Where an iterator is: opens the walk when it is first needed, and again after a seek. */
class Position<K, V> {
  readonly #table: TableShape<K, V>
  readonly #ports: RangePorts
  #walk: Walk | undefined
  #from: Uint8Array | undefined
  #isOpen = true
  #count = 0

  constructor(table: TableShape<K, V>, ports: RangePorts) {
    this.#table = table
    this.#ports = ports
  }

  seek(key: K): void {
    this.#from = copyOfBound(this.#table, key, this.#ports.keyBytesMax)
    this.#walk?.close()
    this.#walk = undefined
  }

  /** As `Walk.next`. */
  next(): boolean | Promise<void> {
    if (!this.#isOpen) return false
    this.#walk ??= this.#ports.open(restOf(this.#ports.range, this.#from, this.#count))
    const found = this.#walk.next()
    if (found === true) this.#count++
    else if (found === false) this.#walk.close()
    return found
  }

  entry(): [K, V] {
    const walk = this.#walk as Walk
    const { key } = walk
    return [decodedKey(this.#table, key), decodedValue(this.#table, key, walk.value())]
  }

  close(): void {
    this.#isOpen = false
    this.#walk?.close()
  }
}

/** How the operations of an iterator run among those of its transaction. */
export interface EntriesPorts extends RangePorts {
  /** @throws why the iterator cannot be used any more */
  readonly check: () => void
  /** Runs an operation after those that wait. */
  readonly enqueue: <T>(operation: () => Promise<T>) => Promise<T>
  /** Waits, then runs the operation again. */
  readonly waitAndRepeat: <T>(wait: Promise<void>, operation: () => Promise<T>) => Promise<T>
  readonly isBusy: () => boolean
  /** Now and then a promise to wait for, so that timers and input can run. */
  readonly giveWay: () => Promise<void> | undefined
}

export function entriesOf<K, V>(table: TableShape<K, V>, ports: EntriesPorts): Entries<K, V> {
  const position = new Position<K, V>(table, ports)
  let entryCount = 0
  const giveWay = (): Promise<void> | undefined =>
    entryCount++ % ENTRIES_PER_OPERATION === 0 ? ports.giveWay() : undefined
  const step = (): Promise<IteratorResult<[K, V], undefined>> => {
    try {
      ports.check()
      const found = position.next()
      if (typeof found !== 'boolean') return ports.waitAndRepeat(found, step)
      const result: IteratorResult<[K, V], undefined> = found ? { done: false, value: position.entry() } : END
      const pause = giveWay()
      return pause === undefined ? Promise.resolve(result) : pause.then(() => result)
    } catch (error) {
      return Promise.reject(error)
    }
  }
  const collect = async (count: number): Promise<[K, V][]> => {
    const entries: [K, V][] = []
    while (entries.length < count) {
      ports.check()
      const found = position.next()
      if (found === false) break
      if (found === true) entries.push(position.entry())
      else await found
      const pause = giveWay()
      if (pause !== undefined) await pause
    }
    return entries
  }
  const close = (): Promise<IteratorReturnResult<undefined>> => {
    position.close()
    return Promise.resolve(END)
  }
  const entries: Entries<K, V> = {
    [Symbol.asyncIterator]: () => entries,
    next: () => (ports.isBusy() ? ports.enqueue(step) : step()),
    return: close,
    seek: (key) => position.seek(key),
    nextv: (count) => ports.enqueue(() => collect(count)),
    all: () => ports.enqueue(() => collect(Number.POSITIVE_INFINITY)),
    close: async () => void (await close()),
  }
  return entries
}

/** The same for a walk that never waits. */
export function snapshotEntriesOf<K, V>(table: TableShape<K, V>, ports: RangePorts): SnapshotEntries<K, V> {
  const position = new Position<K, V>(table, ports)
  const next = (): IteratorResult<[K, V], undefined> =>
    position.next() === true ? { done: false, value: position.entry() } : END
  const nextv = (count: number): [K, V][] => {
    const found: [K, V][] = []
    while (found.length < count && position.next() === true) found.push(position.entry())
    return found
  }
  const entries: SnapshotEntries<K, V> = {
    [Symbol.iterator]: () => entries,
    next,
    return: () => {
      position.close()
      return END
    },
    seek: (key) => position.seek(key),
    nextv,
    all: () => nextv(Number.POSITIVE_INFINITY),
    close: () => position.close(),
  }
  return entries
}
