/**
 * The oracle: what the database has to hold, said without an engine. Tables are maps; a transaction is
 * the list of its effects; committed states are the prefixes of the commits in their order.
 *
 * ```
 *   base --c1--> --c2--> --c3--> --c4--> head        what a restart may show: one of the states
 *                   ^ floor                          from the floor to the head, nothing in between
 * ```
 *
 * The floor is the last commit that has to survive: the last one acknowledged at `full` or followed by
 * a successful flush, and, when only the process died, the last one acknowledged at `lazy` (I18).
 *
 * A transaction that is prepared is a row of a table that no database has, and its name is the key; so the
 * prepare is a commit that makes the row, and the outcome one that takes it away. What is in doubt after a
 * crash is thereby tied to the same place in the order as everything else (I36).
 */
import { compareBytes } from '../src/common/bytes.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'

export type TableContent = Map<string, Uint8Array>
export type Content = Map<string, TableContent>

/** One change that a transaction made. */
export type Effect =
  | { readonly kind: 'put'; readonly table: string; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly table: string; readonly key: string }
  | { readonly kind: 'create'; readonly table: string }
  | { readonly kind: 'drop'; readonly table: string }

/** A commit, from the moment it was asked for. */
export interface Commit {
  readonly effects: readonly Effect[]
  readonly durability: Durability
  acknowledged: boolean
  /** A flush that began after it was asked for has succeeded. */
  flushed: boolean
}

/** The table of the names of what is in doubt; it is there while it has rows. */
export const IN_DOUBT = '(in doubt)'
const NOTHING = new Uint8Array(0)

/** Whether the machine lost power, or only the process died, since the commits were asked for. */
export type CrashKind = 'power' | 'kill'

export class Model {
  #base: Content = new Map()
  #head: Content = new Map()
  #commits: Commit[] = []
  readonly #prepared = new Map<string, readonly Effect[]>()

  /** Commits that were asked for since the last restart, in the order in which they were. */
  get commits(): readonly Commit[] {
    return this.#commits
  }

  commit(effects: readonly Effect[], durability: Durability): Commit {
    const commit: Commit = { effects: [...effects], durability, acknowledged: false, flushed: false }
    if (effects.length === 0) return commit
    this.#commits.push(commit)
    applyTo(this.#head, effects)
    return commit
  }

  /** A transaction with these effects is being prepared; from here on only `decide` decides of it. */
  prepare(name: string, effects: readonly Effect[]): Commit {
    this.#prepared.set(name, [...effects])
    return this.commit([{ kind: 'put', table: IN_DOUBT, key: name, value: NOTHING }], 'full')
  }

  /** The outcome of a prepared transaction was asked for. */
  decide(name: string, outcome: 'commit' | 'abort', durability: Durability): Commit {
    const effects = outcome === 'commit' ? this.effectsOf(name) : []
    return this.commit([{ kind: 'delete', table: IN_DOUBT, key: name }, ...effects], durability)
  }

  /** What the transaction prepared under this name had done. */
  effectsOf(name: string): readonly Effect[] {
    return this.#prepared.get(name) ?? []
  }

  /** What is committed, had all that is in doubt this outcome. */
  contentAfter(outcome: 'commit' | 'abort'): Content {
    const content = copyOf(this.#head)
    for (const name of this.#head.get(IN_DOUBT)?.keys() ?? []) {
      applyTo(content, [{ kind: 'delete', table: IN_DOUBT, key: name }])
      if (outcome === 'commit') applyTo(content, this.effectsOf(name))
    }
    return content
  }

  /** Runs a flush; when it succeeds, the commits asked for before it began are durable. */
  async flushing(flush: () => Promise<void>): Promise<void> {
    const commits = [...this.#commits]
    await flush()
    for (const commit of commits) commit.flushed = true
  }

  /** What a transaction with these effects sees under `key`. */
  get(effects: readonly Effect[], table: string, key: string): Uint8Array | undefined {
    for (let i = effects.length - 1; i >= 0; i--) {
      const effect = effects[i] as Effect
      if (effect.table !== table) continue
      if (effect.kind === 'create' || effect.kind === 'drop') return undefined
      if (effect.key === key) return effect.kind === 'put' ? effect.value : undefined
    }
    return this.#head.get(table)?.get(key)
  }

  /** What may be seen under `key` by who waits for nobody: what is acknowledged, or what a commit since then has left. */
  seenAlone(table: string, key: string): (Uint8Array | undefined)[] {
    const state = copyOf(this.#base)
    let seen = [state.get(table)?.get(key)]
    for (const { effects, acknowledged } of this.#commits) {
      applyTo(state, effects)
      if (!effects.some((each) => each.table === table && (!('key' in each) || each.key === key))) continue
      const value = state.get(table)?.get(key)
      seen = acknowledged ? [value] : [...seen, value]
    }
    return seen
  }

  /** What a transaction with these effects sees of a table; undefined when it sees none. */
  table(effects: readonly Effect[], table: string): TableContent | undefined {
    const seen: Content = new Map()
    const head = this.#head.get(table)
    if (head !== undefined) seen.set(table, new Map(head))
    applyTo(
      seen,
      effects.filter((effect) => effect.table === table),
    )
    return seen.get(table)
  }

  /** How many of the commits have to survive. */
  floor(crash: CrashKind): number {
    let floor = 0
    for (const [i, { acknowledged, flushed, durability }] of this.#commits.entries()) {
      const survives =
        flushed || (acknowledged && (durability === 'full' || (crash === 'kill' && durability === 'lazy')))
      if (survives) floor = i + 1
    }
    return floor
  }

  /** Whether `found` may be there after a crash that left at least `floor` of `total` commits; why not, else undefined. */
  problemOf(found: Content, floor: number, total = this.#commits.length): string | undefined {
    return this.#match(found, floor, total) === undefined ? this.#explain(found, floor, total) : undefined
  }

  /** After how many of the commits `found` is exactly what is there. */
  legalAfter(found: Content): number[] {
    const state = copyOf(this.#base)
    const counts: number[] = []
    for (let count = 0; count <= this.#commits.length; count++) {
      if (count > 0) applyTo(state, (this.#commits[count - 1] as Commit).effects)
      if (firstDifference(state, found) === undefined) counts.push(count)
    }
    return counts
  }

  /** Takes `found`, which a restart showed, as what is committed from now on. @throws when it is not legal */
  recovered(found: Content, floor: number): void {
    const state = this.#match(found, floor, this.#commits.length)
    if (state === undefined) throw new Error(this.#explain(found, floor, this.#commits.length))
    this.#base = state
    this.#head = copyOf(state)
    this.#commits = []
  }

  #match(found: Content, floor: number, total: number): Content | undefined {
    const state = copyOf(this.#base)
    for (let count = 0; ; count++) {
      if (count >= floor && firstDifference(state, found) === undefined) return state
      if (count >= total) return undefined
      applyTo(state, (this.#commits[count] as Commit).effects)
    }
  }

  #explain(found: Content, floor: number, total: number): string {
    const lines = [`the content is no state after ${floor} to ${total} commits since the last restart:`]
    const state = copyOf(this.#base)
    for (let count = 0; count <= total; count++) {
      lines.push(`  after ${count}${count < floor ? ' (too old)' : ''}: ${firstDifference(state, found) ?? 'equal'}`)
      if (count < total) applyTo(state, (this.#commits[count] as Commit).effects)
    }
    return lines.join('\n')
  }
}

function applyTo(content: Content, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const table = content.get(effect.table)
    if (effect.kind === 'drop') content.delete(effect.table)
    else if (effect.kind === 'create') content.set(effect.table, new Map())
    else if (effect.kind === 'delete') table?.delete(effect.key)
    else if (table === undefined) content.set(effect.table, new Map([[effect.key, effect.value]]))
    else table.set(effect.key, effect.value)
    if (effect.table === IN_DOUBT && content.get(IN_DOUBT)?.size === 0) content.delete(IN_DOUBT)
  }
}

function copyOf(content: Content): Content {
  return new Map([...content].map(([name, table]) => [name, new Map(table)]))
}

/** The first place where two contents differ, in words. */
export function firstDifference(expected: Content, found: Content): string | undefined {
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const wanted = expected.get(name)
    const actual = found.get(name)
    if (wanted === undefined) return `table ${name} should not be there`
    if (actual === undefined) return `table ${name} is missing`
    for (const [key, value] of wanted) {
      const other = actual.get(key)
      if (other === undefined) return `${name} ${shown(key)} is missing`
      if (compareBytes(value, other) !== 0) return `${name} ${shown(key)} has another value`
    }
    for (const key of actual.keys()) if (!wanted.has(key)) return `${name} ${shown(key)} should not be there`
  }
  return undefined
}

const shown = (key: string): string => (key.length > 40 ? `${key.slice(0, 20)}…${key.slice(-20)} (${key.length})` : key)
