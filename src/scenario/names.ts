/**
 * Translation between a scenario's names and the engine's numbers: transactions, pages, LSNs.
 *
 * A scenario's LSNs are symbols; the engine's are byte offsets. They correspond by order, and null
 * corresponds to the engine's 0, which no record has.
 */
import { asPageId, asTxnId, type Lsn, NULL_LSN, type PageId, type TxnId } from '../common/ids.ts'
import type { Pages, Scenario, ScenarioRecord, Symbolic } from './scenario.ts'

/** An LSN of the engine in terms of the scenario; text when the scenario has none for it. */
export type Shown = Symbolic | string | null

/** LSNs that correspond. */
export class LsnMap {
  readonly #engine = new Map<Symbolic, Lsn>()
  readonly #symbols = new Map<Lsn, Symbolic>()

  set(symbol: Symbolic, lsn: Lsn): void {
    this.#engine.set(symbol, lsn)
    this.#symbols.set(lsn, symbol)
  }

  has(symbol: Symbolic): boolean {
    return this.#engine.has(symbol)
  }

  engineLsn(symbol: Symbolic | null): Lsn {
    if (symbol === null) return NULL_LSN
    const lsn = this.#engine.get(symbol)
    if (lsn === undefined) throw new Error(`the scenario names LSN ${symbol}, which has no place in its log`)
    return lsn
  }

  shown(lsn: Lsn): Shown {
    if (lsn === NULL_LSN) return null
    return this.#symbols.get(lsn) ?? `engine LSN ${lsn}`
  }

  /** A copy that can be extended without this one learning of it. */
  copy(): LsnMap {
    const copy = new LsnMap()
    for (const [symbol, lsn] of this.#engine) copy.set(symbol, lsn)
    return copy
  }
}

/** Numbers given to names in the order in which they were first asked for. */
class Numbering<T extends number> {
  readonly #numbers = new Map<string, T>()
  readonly #names: string[] = []
  readonly #mint: (value: number) => T

  constructor(mint: (value: number) => T) {
    this.#mint = mint
  }

  /** Numbers start at 1: transaction 0 is none, and page 0 is the meta page of a database. */
  number(name: string): T {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      this.#names.push(name)
      number = this.#mint(this.#names.length)
      this.#numbers.set(name, number)
    }
    return number
  }

  name(number: T): string {
    return this.#names[number - 1] ?? `number ${number}`
  }

  get all(): readonly string[] {
    return this.#names
  }
}

export interface Names {
  readonly transactions: Numbering<TxnId>
  readonly pages: Numbering<PageId>
}

/** Numbers every transaction and page of the scenario, in the order in which a reader meets them. */
export function numberNames(scenario: Scenario, records: readonly ScenarioRecord[], disk: Pages): Names {
  const names: Names = { transactions: new Numbering(asTxnId), pages: new Numbering(asPageId) }
  for (const page of [...Object.keys(scenario.initial), ...Object.keys(disk)]) names.pages.number(page)
  for (const record of records) {
    if ('txn' in record) names.transactions.number(record.txn)
    if ('page' in record && record.page !== null) names.pages.number(record.page)
    if (record.type !== 'end_checkpoint') continue
    for (const txn of Object.keys(record.att)) names.transactions.number(txn)
    for (const page of Object.keys(record.dpt)) names.pages.number(page)
  }
  return names
}
