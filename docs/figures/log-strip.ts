/**
 * The log of a golden scenario as a strip of records, so that what a chapter shows is what the engine is
 * tested with: a box a record, prevLSN as bows above, undoNextLSN of the CLRs as bows below.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findScenarios } from '../../src/scenario/find.ts'
import type { RestartScenario, ScenarioRecord } from '../../src/scenario/scenario.ts'
import { Drawing, type Fill, type Point } from './drawing.ts'

const SCENARIOS = fileURLToPath(new URL('../../test/scenarios/', import.meta.url))
const RECORD = { width: 60, height: 56, gap: 8 }
const MARGIN = 16
const FILLS: readonly Fill[] = ['one', 'two', 'three', '']

export interface StripOptions {
  readonly description: string
  /** Records that come after the scenario's log, such as what undo writes. */
  readonly appended?: readonly ScenarioRecord[]
  /** The transactions to show; without, all records are shown. */
  readonly only?: readonly string[]
  /** Words below records. */
  readonly marks?: Readonly<Record<number, string>>
  /** Whether prevLSN is drawn. */
  readonly links?: boolean
  /** Room below for more. */
  readonly extraHeight?: number
}

export interface Strip {
  readonly drawing: Drawing
  /** The middle of the lower edge of a record's box. */
  readonly below: (lsn: number) => Point
  /** Where there is room below. */
  readonly bottom: number
}

/** What the undo pass of a scenario writes, as its golden answer has it. */
export function writtenByUndo(id: string): readonly ScenarioRecord[] {
  return scenarioOf(id).episodes[0]?.expected.undo?.appended ?? []
}

/** A scenario of test/scenarios by its id. */
export function scenarioOf(id: string): RestartScenario {
  const name = readdirSync(SCENARIOS).find((file) => file.startsWith(`${id}-`)) as string
  const [found] = findScenarios(readFileSync(`${SCENARIOS}${name}`, 'utf8'), name)
  return found?.load() as RestartScenario
}

function wordsOf(record: ScenarioRecord): string[] {
  if (record.type === 'begin_checkpoint') return ['begin', 'ckpt']
  if (record.type === 'end_checkpoint') return ['end', 'ckpt']
  if (record.type === 'update') return [record.txn, record.page]
  if (record.type === 'clr') return [record.txn, record.page === null ? 'dummy' : `CLR ${record.page}`]
  return [record.txn, record.type.toUpperCase()]
}

export function logStrip(id: string, options: StripOptions): Strip {
  const scenario = scenarioOf(id)
  const records = [...scenario.log, ...(options.appended ?? [])].filter(
    (record) => options.only === undefined || ('txn' in record && options.only.includes(record.txn)),
  )
  const links = options.links ?? true
  const step = RECORD.width + RECORD.gap
  const top = links ? 86 : 40
  const hasClr = records.some((record) => record.type === 'clr')
  const bottom = top + RECORD.height + (options.marks === undefined ? 10 : 34) + (hasClr ? 62 : 0)
  const drawing = new Drawing(
    2 * MARGIN + records.length * step - RECORD.gap,
    bottom + (options.extraHeight ?? 0),
    options.description,
  )

  const indexOf = (lsn: number): number => records.findIndex((record) => record.lsn === lsn)
  const middle = (lsn: number): number => MARGIN + indexOf(lsn) * step + RECORD.width / 2
  const transactions = [...new Set(records.flatMap((record) => ('txn' in record ? [record.txn] : [])))].sort()

  for (const record of records) {
    const x = middle(record.lsn) - RECORD.width / 2
    const fill = 'txn' in record ? (FILLS[transactions.indexOf(record.txn)] ?? '') : ''
    drawing.text(x + RECORD.width / 2, top - 6, String(record.lsn), 'faint')
    drawing.labelled(x, top, RECORD.width, RECORD.height, wordsOf(record), fill)
    const mark = options.marks?.[record.lsn]
    if (mark !== undefined)
      drawing.text(x + RECORD.width / 2, top + RECORD.height + 20, mark, mark.startsWith('redone') ? 'strong' : 'faint')
  }
  for (const record of records) {
    if (links && 'txn' in record && record.prevLsn !== null && indexOf(record.prevLsn) >= 0) {
      const height = 18 + 10 * (indexOf(record.lsn) - indexOf(record.prevLsn))
      drawing.bow(
        { x: middle(record.lsn) - 8, y: top - 20 },
        { x: middle(record.prevLsn) + 8, y: top - 20 },
        Math.min(height, 66),
      )
    }
    if (record.type === 'clr' && record.undoNextLsn !== null && indexOf(record.undoNextLsn) >= 0) {
      const y = top + RECORD.height + (options.marks === undefined ? 4 : 28)
      const height = 14 + 12 * (indexOf(record.lsn) - indexOf(record.undoNextLsn))
      drawing.bow(
        { x: middle(record.lsn) - 6, y },
        { x: middle(record.undoNextLsn) + 6, y },
        -Math.min(height, 74),
        'strong',
      )
    }
  }
  return { drawing, below: (lsn) => ({ x: middle(lsn), y: top + RECORD.height }), bottom }
}
