/**
 * One log record of the text notation. What the records before tell may be left out: prev, where a CLR
 * leads, what it restores. An update of which a slide tells the page alone gets a slot of its own.
 */
import type { ClrRecord, ScenarioRecord, Symbolic } from '../scenario.ts'
import type { History } from './history.ts'
import type { Line, Positions } from './line.ts'
import { readAtt, readDpt } from './tables.ts'

const TYPES = ['update', 'clr', 'commit', 'abort', 'end', 'begin', 'free_page'] as const

/** What every record of a transaction has, but for its link. */
interface Common {
  readonly lsn: Symbolic
  readonly txn: string
}

/** Reads a record, and notes where its parts stand: `place` is where the record goes. */
export class RecordReader {
  readonly #history: History
  readonly #positions: Positions

  constructor(history: History, positions: Positions) {
    this.#history = history
    this.#positions = positions
  }

  read(line: Line, place: string): ScenarioRecord {
    this.#note(line, place)
    this.#note(line, `${place}.lsn`)
    const lsn = line.lsn('the LSN of a record')
    const record = this.#readBehindLsn(line, place, lsn)
    line.end()
    this.#history.add(record)
    return record
  }

  #note(line: Line, place: string): void {
    const { line: number, column } = line.token
    this.#positions.set(place, { line: number, column })
  }

  #readBehindLsn(line: Line, place: string, lsn: Symbolic): ScenarioRecord {
    this.#note(line, `${place}.type`)
    if (line.takes('begin_checkpoint')) return { lsn, type: 'begin_checkpoint' }
    if (line.takes('end_checkpoint')) {
      const att = line.takes('att') ? readAtt(line) : {}
      return { lsn, type: 'end_checkpoint', att, dpt: line.takes('dpt') ? readDpt(line) : {} }
    }
    const txn = line.name('a transaction, "begin_checkpoint" or "end_checkpoint"')
    const type = line.oneOf(TYPES, 'the type of the record')
    const common = { lsn, txn }
    switch (type) {
      case 'update':
        return this.#readUpdate(line, place, common)
      case 'clr':
        return this.#readClr(line, place, common)
      case 'free_page': {
        const page = line.name('a page')
        return { type, ...common, page, prevLsn: this.#readPrev(line, place, common) }
      }
      default:
        return { type, ...common, prevLsn: this.#readPrev(line, place, common) }
    }
  }

  #readPrev(line: Line, place: string, { lsn, txn }: Common): Symbolic | null {
    if (!line.takes('prev')) return this.#history.prevLsn(txn, lsn)
    this.#note(line, `${place}.prevLsn`)
    return line.lsnOrNull('an LSN')
  }

  #readUpdate(line: Line, place: string, common: Common): ScenarioRecord {
    const page = line.name('the page that the update changes')
    if (line.isAtEnd || line.sees('prev')) {
      // Active transactions never share a slot, so one named like the transaction is free.
      const slot = common.txn
      const change = { before: this.#history.value(page, slot), after: String(common.lsn) }
      return { type: 'update', ...common, page, slot, ...change, prevLsn: this.#readPrev(line, place, common) }
    }
    const slot = line.name('a slot')
    line.sign(':', 'between the slot and its values')
    const before = line.valueOrNull('the value before')
    line.sign('->', 'between the value before and the value after')
    const after = line.valueOrNull('the value after')
    return { type: 'update', ...common, page, slot, before, after, prevLsn: this.#readPrev(line, place, common) }
  }

  #readClr(line: Line, place: string, common: Common): ClrRecord {
    const isChange = (): boolean => !['undoes', 'next', 'prev'].some((word) => line.sees(word)) && !line.isAtEnd
    const start = line.token
    const isDummy = line.takes('dummy')
    const page = !isDummy && isChange() ? line.name('a page') : null
    const change = page !== null && isChange() ? this.#readRestored(line) : undefined
    const undoes = line.takes('undoes') ? line.lsnOrNull('the LSN of the record that is undone') : null
    const undone = undoes === null ? undefined : this.#history.update(undoes)
    const undoNextLsn = this.#readUndoNext(line, place, undone?.prevLsn)
    const prevLsn = this.#readPrev(line, place, common)
    const links = { undoes, undoNextLsn, prevLsn }
    if (isDummy) return { type: 'clr', ...common, page: null, slot: null, after: null, ...links }
    if (page !== null && change !== undefined) return { type: 'clr', ...common, page, ...change, ...links }
    if (undone === undefined || (page !== null && page !== undone.page)) {
      line.fail('what this CLR restores cannot be told from the log; write "PAGE SLOT: VALUE", or "dummy"', start)
    }
    return { type: 'clr', ...common, page: undone.page, slot: undone.slot, after: undone.before, ...links }
  }

  #readRestored(line: Line): { slot: string; after: string | null } {
    const slot = line.name('a slot')
    line.sign(':', 'between the slot and the value that it gets back')
    return { slot, after: line.valueOrNull('the value that the slot gets back') }
  }

  #readUndoNext(line: Line, place: string, prevOfUndone: Symbolic | null | undefined): Symbolic | null {
    if (prevOfUndone !== undefined && !line.sees('next')) return prevOfUndone
    line.keyword('next')
    this.#note(line, `${place}.undoNextLsn`)
    return line.lsnOrNull('the undoNextLSN')
  }
}
