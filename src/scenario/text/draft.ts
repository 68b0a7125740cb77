/**
 * What the statements of a text have said so far, gathered in the shape that the JSON files have, so
 * that one reader checks both. Where each part stood is noted by its place in that shape.
 */
import { assert } from '../../common/assert.ts'
import type { Pages, ScenarioRecord } from '../scenario.ts'
import { completeCheckpoint, History } from './history.ts'
import type { Position, Source } from './lexer.ts'
import type { Line, Positions } from './line.ts'
import { RecordReader } from './records.ts'
import { readPage, readSlots } from './tables.ts'

/** An object of the JSON schema while it is filled in. */
type Draft = Record<string, unknown>
export type Block = 'head' | 'log' | 'restart' | 'rollback' | 'refuse' | 'case'

const KINDS = { restart: 'a restart', rollback: 'a rollback', refuse: 'a state to be refused', case: 'low-water marks' }

/** What differs from most books, and where the schema has it. */
export const OPTIONS = [
  ['abort-at-analysis-end', 'variant', 'abortAtAnalysisEnd', true],
  ['no-end-for-committed', 'variant', 'endCommittedAtAnalysisEnd', false],
  ['alloc-records', 'variant', 'allocRecords', true],
  ['ends-in-any-order', undefined, 'anyOrderAppended', true],
  ['not-well-formed', undefined, 'wellFormed', false],
  ['cut-off-in-redo', undefined, 'partialRedoEpisode0', true],
] as const

export class ScenarioDraft {
  /** Where the parts of the scenario stand. */
  readonly positions: Positions = new Map()
  readonly #source: Source
  readonly #history = new History()
  readonly #recordReader = new RecordReader(this.#history, this.positions)
  readonly #variant: Draft = {}
  readonly #log: ScenarioRecord[] = []
  readonly #episodes: Draft[] = []
  readonly #cases: Draft[] = []
  readonly #scenario: Draft = { partial: true, variant: this.#variant, log: this.#log, episodes: this.#episodes }
  #block: Block = 'head'
  /** What statements of the block are about, and its place in the scenario. */
  #draft: Draft = this.#scenario
  #place = ''
  #pass: 'analysis' | 'redo' | 'undo' | undefined
  #records: ScenarioRecord[] | undefined
  #recordsPlace = ''

  constructor(source: Source) {
    this.#source = source
  }

  /** A record below `log` or `writes`. */
  takeRecord(line: Line): void {
    if (this.#records === undefined) line.fail('a record stands below "log" or "writes"')
    const place = `${this.#recordsPlace}[${this.#records.length}]`
    this.#records.push(this.#recordReader.read(line, place))
  }

  get block(): Block {
    return this.#block
  }

  /** Records that follow belong to no list. */
  endRecords(): void {
    this.#records = undefined
  }

  /** The scenario as its JSON would be; not checked yet. */
  finish(): unknown {
    if (this.#scenario['kind'] === undefined) this.#addEpisode(undefined)
    let disk = pagesOf(this.#history.initial)
    for (const episode of this.#episodes) {
      episode['disk'] ??= disk
      const flushed = (episode['crash'] as { pagesFlushed: Pages } | null)?.pagesFlushed
      disk = Object.fromEntries([...Object.entries(episode['disk'] as Pages), ...Object.entries(flushed ?? {})])
    }
    const master = this.#scenario['masterLsn']
    return {
      kind: 'restart',
      ...this.#scenario,
      title: this.#scenario['title'] ?? '',
      initial: Object.fromEntries(this.#history.initial),
      masterLsn: master === undefined ? completeCheckpoint(this.#log) : master,
    }
  }

  #note(place: string, { line, column }: Position): string {
    this.positions.set(place, { line, column })
    return place
  }

  /** Says something of the scenario, or of what the block is about; once. */
  say(field: string, value: unknown, at: Position, draft = this.#scenario, place = ''): void {
    if (draft[field] !== undefined) this.#source.fail(at, 'this has been said above')
    draft[field] = value
    this.#note(`${place}.${field}`, at)
  }

  sayHere(field: string, value: unknown, at: Position): void {
    this.say(field, value, at, this.#draft, this.#place)
  }

  /** Adds to a list of the scenario. */
  add(field: string, value: unknown): void {
    this.#scenario[field] = [...((this.#scenario[field] as unknown[] | undefined) ?? []), value]
  }

  /** Says something of a pass of the restart. */
  answer(pass: 'analysis' | 'redo' | 'undo', field: string, value: unknown, at: Position): void {
    const expected = this.#part(this.#draft, 'expected')
    this.say(field, value, at, this.#part(expected, pass), `${this.#place}.expected.${pass}`)
  }

  #part(draft: Draft, name: string): Draft {
    draft[name] ??= {}
    return draft[name] as Draft
  }

  startPass(pass: 'analysis' | 'redo' | 'undo'): void {
    this.#pass = pass
  }

  option(name: (typeof OPTIONS)[number][0]): void {
    const [, part, field, value] = OPTIONS.find(([option]) => option === name) as (typeof OPTIONS)[number]
    const draft = part === undefined ? this.#scenario : this.#variant
    draft[field] = value
  }

  family(name: string): void {
    this.#variant['family'] = name
  }

  initial(line: Line): void {
    if (this.#log.length > 0) line.fail('"initial" stands before the log, whose records change what it says')
    const { token } = line
    const page = line.name('a page')
    if (this.#history.initial.has(page)) line.fail(`page ${page} has been given above`, token)
    this.#history.initial.set(page, line.takes('empty') ? {} : readSlots(line))
  }

  startLog(line: Line, at: Position): void {
    if (this.positions.has('.log')) line.fail('there is one log; a restart adds to it with "writes"', at)
    this.#block = 'log'
    this.#collect(this.#log, this.#note('.log', at))
  }

  #collect(records: ScenarioRecord[], place: string): void {
    this.#records = records
    this.#recordsPlace = place
  }

  /** What restart, or a rollback, appends: in the pass above. */
  writes(line: Line, at: Position): void {
    if (this.#block === 'restart' && (this.#pass === undefined || this.#pass === 'redo')) {
      line.fail('"writes" stands below "analysis" or "undo": which of them writes the records?', at)
    }
    const records: ScenarioRecord[] = []
    const isOfPass = this.#block === 'restart'
    if (isOfPass) this.answer(this.#pass as 'undo', 'appended', records, at)
    else this.sayHere('appended', records, at)
    const place = isOfPass ? `${this.#place}.expected.${this.#pass}` : this.#place
    if (!line.takes('none')) this.#collect(records, `${place}.appended`)
  }

  #setKind(block: Exclude<Block, 'head' | 'log'>, kind: string, at: Position | undefined): void {
    const before = this.#scenario['kind']
    const isSame = before === kind && (block === 'restart' || block === 'case')
    if (before !== undefined && !isSame) {
      assert(at !== undefined, 'what is not written cannot differ')
      this.#source.fail(at, `this scenario is about something else already; ${KINDS[block]} has one of its own`)
    }
    this.#scenario['kind'] = kind
    this.#block = block
    this.#pass = undefined
  }

  restart(line: Line, at: Position): void {
    this.#setKind('restart', line.takes('analysis-only') ? 'restart-analysis' : 'restart', at)
    this.#addEpisode(at)
  }

  #addEpisode(at: Position | undefined): void {
    this.#draft = { crash: null }
    this.#place = `.episodes[${this.#episodes.length}]`
    if (at !== undefined) this.#note(this.#place, at)
    this.#episodes.push(this.#draft)
  }

  startBlock(block: 'rollback' | 'refuse', field: string, draft: Draft, at: Position): void {
    this.#setKind(block, block === 'refuse' ? 'invalid' : block, at)
    this.#draft = draft
    this.#scenario[field] = draft
    this.#place = this.#note(`.${field}`, at)
  }

  startCase(draft: Draft, at: Position): void {
    this.#setKind('case', 'truncation', at)
    this.#draft = draft
    this.#scenario['truncation'] = { cases: this.#cases }
    this.#place = this.#note(`.truncation.cases[${this.#cases.length}]`, at)
    this.#cases.push(draft)
  }

  /** A page of the table `field`; `none` makes the table an empty one. */
  page(line: Line, field: string, draft = this.#draft, place = this.#place): void {
    const known = draft[field] as Pages | undefined
    const { token } = line
    if (line.takes('none')) {
      if (known !== undefined) line.fail('pages have been given above', token)
      draft[field] = {}
      return
    }
    const [name, page] = readPage(line, this.#history)
    if (known !== undefined && Object.hasOwn(known, name)) line.fail(`page ${name} has been given above`, token)
    draft[field] = Object.fromEntries([...Object.entries(known ?? {}), [name, page]])
    this.#note(`${place}.${field}.${name}`, token)
  }

  /** A page as it is when all is done. */
  lastPage(line: Line): void {
    if (this.#block === 'rollback') this.page(line, 'buffer')
    else this.page(line, 'finalPages', this.#part(this.#draft, 'expected'), `${this.#place}.expected`)
  }

  crash(line: Line, at: Position): void {
    if (this.#draft['crash'] !== null) line.fail('this restart has its crash already', at)
    line.keyword('after')
    this.#note(`${this.#place}.crash`, at)
    this.#note(`${this.#place}.crash.durableThroughLsn`, line.token)
    this.#draft['crash'] = { durableThroughLsn: line.lsn('the last LSN that is durable'), pagesFlushed: {} }
  }

  flushed(line: Line, at: Position): void {
    const crash = this.#draft['crash']
    if (crash === null) line.fail('"flushed" tells what a crash leaves: it stands below "crash after LSN"', at)
    this.page(line, 'pagesFlushed', crash as Draft, `${this.#place}.crash`)
  }
}

const pagesOf = (initial: ReadonlyMap<string, Readonly<Record<string, string>>>): Pages =>
  Object.fromEntries([...initial].map(([name, data]) => [name, { pageLsn: null, data }]))
