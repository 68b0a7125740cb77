/**
 * Reads of one key that are no transaction's, `Table.get`, beside transactions: each shows what was
 * committed at some moment between its call and its end, and waits for nobody: of what is being committed either state.
 */
import { AriesError } from '../../src/common/errors.ts'
import type { Table } from '../../src/database/table.ts'
import type { Model } from '../model.ts'

type Seen = Uint8Array | undefined

interface Peek {
  readonly table: string
  readonly key: string
  /** What was committed at the call, and since. */
  readonly committed: Seen[]
}

const hexOf = (value: Seen): string => (value === undefined ? 'nothing' : Buffer.from(value).toString('hex'))

export class Peeks {
  readonly #model: Model
  readonly #underWay = new Set<Peek>()

  constructor(model: Model) {
    this.#model = model
  }

  get count(): number {
    return this.#underWay.size
  }

  /** Reads; throws when what it shows was not committed. Who could not read has not seen anything wrong. */
  async read(table: Table<string, Uint8Array>, key: string): Promise<void> {
    const peek: Peek = { table: table.name, key, committed: this.#model.seenAlone(table.name, key) }
    this.#underWay.add(peek)
    try {
      const value = await table.get(key)
      if (peek.committed.some((each) => hexOf(each) === hexOf(value))) return
      throw new Error(`${key} of ${table.name} is read as ${hexOf(value)}, not ${peek.committed.map(hexOf).join(', ')}`)
    } catch (error) {
      if (!AriesError.is(error)) throw error
    } finally {
      this.#underWay.delete(peek)
    }
  }

  /** To be called after each commit. */
  noteCommit(): void {
    for (const { table, key, committed } of this.#underWay) committed.push(this.#model.get([], table, key))
  }
}
