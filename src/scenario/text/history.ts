/**
 * What can be told from the records read so far, and need therefore not be written: the record before
 * of the same transaction, what a CLR restores, what a page holds at an LSN, the checkpoint that the
 * master record names.
 */
import type { ScenarioRecord, Symbolic, UpdateRecord } from '../scenario.ts'
import type { SlotValue } from '../slots-resource-manager.ts'

type Content = Readonly<Record<string, string>>

export class History {
  /** Pages before the first record. */
  readonly initial = new Map<string, Content>()
  readonly #records: ScenarioRecord[] = []
  readonly #lastLsns = new Map<string, Symbolic>()

  add(record: ScenarioRecord): void {
    this.#records.push(record)
    if ('txn' in record) this.#lastLsns.set(record.txn, record.lsn)
  }

  /** The record of the transaction before the one at `lsn`. LSNs that do not rise have none: they are an error. */
  prevLsn(txn: string, lsn: Symbolic): Symbolic | null {
    const last = this.#lastLsns.get(txn)
    return last === undefined || last >= lsn ? null : last
  }

  find(lsn: Symbolic): ScenarioRecord | undefined {
    return this.#records.find((record) => record.lsn === lsn)
  }

  update(lsn: Symbolic): UpdateRecord | undefined {
    const record = this.find(lsn)
    return record?.type === 'update' ? record : undefined
  }

  /** What a slot holds after all records. */
  value(page: string, slot: string): SlotValue {
    return this.#contentThrough(page, Number.POSITIVE_INFINITY).get(slot) ?? null
  }

  /** What a page with this pageLSN holds; undefined when no record says so. */
  content(page: string, pageLsn: Symbolic | null): Content | undefined {
    if (pageLsn === null) return this.initial.get(page) ?? {}
    const record = this.find(pageLsn)
    const changesPage = (record?.type === 'update' || record?.type === 'clr') && record.page === page
    return changesPage ? Object.fromEntries(this.#contentThrough(page, pageLsn)) : undefined
  }

  #contentThrough(page: string, lsn: Symbolic): Map<string, string> {
    const slots = new Map(Object.entries(this.initial.get(page) ?? {}))
    for (const record of this.#records) {
      if (record.type !== 'update' && record.type !== 'clr') continue
      if (record.page !== page || record.slot === null || record.lsn > lsn) continue
      if (record.after === null) slots.delete(record.slot)
      else slots.set(record.slot, record.after)
    }
    return slots
  }
}

/** The beginning of the last checkpoint that is complete. */
export function completeCheckpoint(log: readonly ScenarioRecord[]): Symbolic | null {
  const end = log.findLastIndex(({ type }) => type === 'end_checkpoint')
  return log.slice(0, Math.max(end, 0)).findLast(({ type }) => type === 'begin_checkpoint')?.lsn ?? null
}
