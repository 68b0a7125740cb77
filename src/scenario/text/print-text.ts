/**
 * Writes a scenario in the text notation, so that reading it gives the same scenario again. What the
 * reader adds by itself is left out where it adds the same: prev, and the disk that a crash leaves.
 */
import type {
  Answers,
  Att,
  Dpt,
  Episode,
  Pages,
  Scenario,
  ScenarioPage,
  ScenarioRecord,
  Symbolic,
  TransactionRecord,
  TruncationScenario,
} from '../scenario.ts'
import { OPTIONS } from './draft.ts'
import { completeCheckpoint, History } from './history.ts'
import { quotedIfNeeded as name } from './lexer.ts'

const lsnText = (lsn: Symbolic | null): string => (lsn === null ? 'none' : String(lsn))
const valueText = (value: string | null): string => (value === null ? 'none' : name(value))
const listText = (items: readonly string[], between: string): string =>
  items.length === 0 ? 'none' : items.join(between)
const lsnsText = (lsns: readonly Symbolic[]): string => listText(lsns.map(String), ' ')
const namesText = (names: readonly string[]): string => listText(names.map(name), ' ')

const attText = (att: Att): string =>
  listText(
    Object.entries(att).map(([txn, { status, lastLsn }]) => `${name(txn)} ${status} ${lsnText(lastLsn)}`),
    ', ',
  )

const dptText = (dpt: Dpt): string =>
  listText(
    Object.entries(dpt).map(([page, recLsn]) => `${name(page)} ${recLsn}`),
    ', ',
  )

function slotsText(data: Readonly<Record<string, string>>): string {
  const slots = Object.entries(data).map(([slot, value]) => `${name(slot)}: ${name(value)}`)
  return slots.length === 0 ? 'empty' : slots.join(', ')
}

const pageText = (page: string, { pageLsn, data }: ScenarioPage): string =>
  `${name(page)} @${lsnText(pageLsn)}  ${slotsText(data)}`

/** The scenario as text, with a line end behind the last line. */
export function printScenario(scenario: Scenario): string {
  return `${new Printer(scenario).print().join('\n')}\n`
}

class Printer {
  readonly #scenario: Scenario
  readonly #history = new History()
  readonly #lines: string[] = []

  constructor(scenario: Scenario) {
    this.#scenario = scenario
  }

  print(): readonly string[] {
    this.#head()
    this.#log()
    this.#body()
    const { committed, rolledBack, lowWaterLsn } = this.#scenario
    const ends = [
      lowWaterLsn === undefined ? '' : `low-water ${lowWaterLsn}`,
      committed === undefined ? '' : `committed ${namesText(committed)}`,
      rolledBack === undefined ? '' : `rolled-back ${namesText(rolledBack)}`,
    ].filter((line) => line !== '')
    if (ends.length > 0) this.#add('', ...ends)
    return this.#lines
  }

  #add(...lines: string[]): void {
    this.#lines.push(...lines)
  }

  #head(): void {
    const { id, title, about, initial } = this.#scenario
    const { family, provenance, source, covers, notes, disagreements } = about
    const one = (keyword: string, text: string | undefined): string[] =>
      text === undefined ? [] : [`${keyword} ${quoted(text)}`]
    this.#add(`scenario ${name(id)}${title === '' ? '' : ` ${quoted(title)}`}`)
    if (family !== undefined) this.#add(`family ${name(family)}`)
    if (provenance !== undefined) this.#add(`provenance ${name(provenance)}`)
    this.#add(...one('source', source))
    if (covers.length > 0) this.#add(`covers ${namesText(covers)}`)
    this.#add(...notes.flatMap((note) => one('note', note)))
    this.#add(...disagreements.flatMap((disagreement) => one('disagreement', disagreement)))
    const options = OPTIONS.flatMap(([option, part, field, value]) => {
      const said = part === undefined ? this.#scenario[field] : this.#scenario.variant[field]
      return said === value ? [option] : []
    })
    if (options.length > 0) this.#add(`options ${options.join(' ')}`)
    const pages = Object.entries(initial)
    if (pages.length > 0) this.#add('')
    for (const [page, data] of pages) {
      this.#history.initial.set(page, data)
      this.#add(`initial ${name(page)}  ${slotsText(data)}`)
    }
  }

  #log(): void {
    const { log, masterLsn } = this.#scenario
    if (log.length > 0) this.#add('', 'log', ...this.#records(log, '  '))
    if (masterLsn !== null || completeCheckpoint(log) !== null) this.#add(`master ${lsnText(masterLsn)}`)
  }

  #records(records: readonly ScenarioRecord[], indent: string): string[] {
    const width = Math.max(...records.map(({ lsn }) => String(lsn).length))
    return records.map((record) => {
      const text = this.#recordText(record)
      this.#history.add(record)
      return `${indent}${String(record.lsn).padStart(width)}  ${text}`
    })
  }

  #recordText(record: ScenarioRecord): string {
    if (record.type === 'begin_checkpoint') return record.type
    if (record.type === 'end_checkpoint') {
      return `end_checkpoint  att ${attText(record.att)}  dpt ${dptText(record.dpt)}`
    }
    const { lsn, txn, type, prevLsn } = record
    const prev = prevLsn === this.#history.prevLsn(txn, lsn) ? '' : `  prev ${lsnText(prevLsn)}`
    return `${name(txn)} ${type}${detailText(record)}${prev}`
  }

  #body(): void {
    const scenario = this.#scenario
    switch (scenario.kind) {
      case 'rollback': {
        const { txn, toLsn, undoOrder, appended, buffer } = scenario.rollback
        this.#add('', `rollback ${name(txn)}${toLsn === null ? '' : ` to ${toLsn}`}`)
        this.#add(`  undo ${lsnsText(undoOrder)}`, ...this.#writes(appended), ...pageLines('page', buffer))
        return
      }
      case 'invalid':
        this.#add('', `refuse ${name(scenario.invalid.expectedError)}`, ...pageLines('disk', scenario.invalid.disk))
        return
      case 'truncation':
        this.#add(...scenario.truncation.cases.flatMap(caseLines))
        return
      default:
        this.#restarts(scenario.episodes, scenario.kind === 'restart' ? 'restart' : 'restart analysis-only')
    }
  }

  #restarts(episodes: readonly Episode[], keyword: string): void {
    let left: Pages = Object.fromEntries(
      Object.entries(this.#scenario.initial).map(([page, data]) => [page, { pageLsn: null, data }]),
    )
    for (const { disk, expected, crash } of episodes) {
      this.#add('', keyword)
      if (!isSame(disk, left)) this.#add(...pageLines('disk', disk))
      this.#answers(expected)
      if (crash !== null) {
        this.#add(`  crash after ${crash.durableThroughLsn}`)
        if (Object.keys(crash.pagesFlushed).length > 0) this.#add(...pageLines('flushed', crash.pagesFlushed))
      }
      left = { ...disk, ...crash?.pagesFlushed }
    }
  }

  #answers({ analysis, redo, undo, finalPages }: Answers): void {
    if (!isUnasked(analysis)) {
      this.#add(passLine('analysis', analysis.startLsn))
      if (analysis.att !== undefined) this.#add(`    att ${attText(analysis.att)}`)
      if (analysis.dpt !== undefined) this.#add(`    dpt ${dptText(analysis.dpt)}`)
      if (analysis.appended !== undefined) this.#add(...this.#writes(analysis.appended))
      if (analysis.attAfter !== undefined) {
        this.#add(`    att-after ${analysis.attAfter === null ? 'same' : attText(analysis.attAfter)}`)
      }
    }
    if (!isUnasked(redo)) {
      this.#add(passLine('redo', redo.startLsn))
      if (redo.redone !== undefined) this.#add(`    redone ${lsnsText(redo.redone)}`)
      if (redo.skipped !== undefined) this.#add(`    skipped ${skippedText(redo.skipped)}`)
      if (redo.dptAfterRedo !== undefined) this.#add(`    dpt-after ${dptText(redo.dptAfterRedo)}`)
    }
    if (!isUnasked(undo)) {
      this.#add(undo.order === undefined ? '  undo' : `  undo ${lsnsText(undo.order)}`)
      if (undo.appended !== undefined) this.#add(...this.#writes(undo.appended))
    }
    if (finalPages !== undefined) this.#add(...pageLines('page', finalPages))
  }

  #writes(records: readonly TransactionRecord[]): string[] {
    return records.length === 0 ? ['    writes none'] : ['    writes', ...this.#records(records, '      ')]
  }
}

/** Text that is always in quotes, because it is prose. */
const quoted = (text: string): string => JSON.stringify(text)

const isUnasked = (pass: object): boolean => Object.values(pass).every((answer) => answer === undefined)

const passLine = (pass: string, startLsn: Symbolic | null | undefined): string =>
  startLsn === undefined ? `  ${pass}` : `  ${pass} from ${lsnText(startLsn)}`

function pageLines(keyword: string, pages: Pages): string[] {
  const all = Object.entries(pages)
  return all.length === 0 ? [`  ${keyword} none`] : all.map(([page, state]) => `  ${keyword} ${pageText(page, state)}`)
}

function detailText(record: TransactionRecord): string {
  switch (record.type) {
    case 'update':
      return ` ${name(record.page)} ${name(record.slot)}: ${valueText(record.before)} -> ${valueText(record.after)}`
    case 'clr': {
      const undoes = record.undoes === null ? '' : `  undoes ${record.undoes}`
      const change =
        record.page === null ? 'dummy' : `${name(record.page)} ${name(record.slot ?? '')}: ${valueText(record.after)}`
      return ` ${change}${undoes}  next ${lsnText(record.undoNextLsn)}`
    }
    case 'free_page':
      return ` ${name(record.page)}`
    default:
      return ''
  }
}

/** Runs of records with the same reason share it. */
function skippedText(skipped: NonNullable<Answers['redo']['skipped']>): string {
  const runs: { reason: string; lsns: Symbolic[] }[] = []
  for (const { lsn, reason } of skipped) {
    const last = runs.at(-1)
    if (last?.reason === reason) last.lsns.push(lsn)
    else runs.push({ reason, lsns: [lsn] })
  }
  return listText(
    runs.map(({ reason, lsns }) => `${lsns.join(' ')} ${reason}`),
    ', ',
  )
}

function caseLines({
  checkpointBegin,
  dpt,
  att,
  lowWaterLsn,
}: TruncationScenario['truncation']['cases'][number]): string[] {
  const firstLsns = Object.entries(att).map(([txn, { firstLsn }]) => `${name(txn)} ${lsnText(firstLsn)}`)
  return [
    '',
    `case checkpoint ${checkpointBegin} low-water ${lowWaterLsn}`,
    `  dpt ${dptText(dpt)}`,
    `  first ${listText(firstLsns, ', ')}`,
  ]
}

function isSame(one: Pages, other: Pages): boolean {
  const text = (pages: Pages): string =>
    JSON.stringify(
      Object.entries(pages)
        .map(([page, { pageLsn, data }]) => [page, pageLsn, Object.entries(data).sort(byName)] as const)
        .sort(byName),
    )
  return text(one) === text(other)
}

const byName = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
