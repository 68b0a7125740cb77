/** Writes scenarios as JSON of the schema, so that reading them gives the same scenarios again. */
import type { Answers, Episode, Scenario, ScenarioRecord } from './scenario.ts'
import { SCENARIO_SCHEMA } from './scenario.ts'

/** One scenario, or a set of them, as the text of a file. */
export function printJson(scenarios: readonly Scenario[]): string {
  const [first] = scenarios
  const values = scenarios.map(scenarioValue)
  const content = scenarios.length === 1 && first !== undefined ? values[0] : { scenarios: values }
  return `${pretty({ schema: SCENARIO_SCHEMA, ...content }, '')}\n`
}

function scenarioValue(scenario: Scenario): object {
  const { id, title, kind, about, variant, initial, log, masterLsn, committed, rolledBack, lowWaterLsn } = scenario
  const { family, provenance, source, covers, notes, disagreements } = about
  return {
    id,
    title,
    kind,
    provenance,
    source,
    covers: covers.length === 0 ? undefined : covers,
    variant: { family, ...variant },
    initial,
    log: log.map(recordValue),
    masterLsn,
    episodes:
      scenario.kind === 'restart' || scenario.kind === 'restart-analysis' ? scenario.episodes.map(episodeValue) : [],
    committed,
    rolledBack,
    notes: notes.length === 1 ? notes[0] : notes.length === 0 ? undefined : notes,
    disagreements: disagreements.length === 0 ? undefined : disagreements,
    lowWaterLsn,
    partial: isPartial(scenario) ? true : undefined,
    anyOrderAppended: scenario.anyOrderAppended ? true : undefined,
    wellFormed: scenario.wellFormed ? undefined : false,
    partialRedoEpisode0: scenario.partialRedoEpisode0 ? true : undefined,
    ...kindValue(scenario),
  }
}

function kindValue(scenario: Scenario): object {
  if (scenario.kind === 'rollback') {
    return { rollback: { ...scenario.rollback, appended: scenario.rollback.appended.map(recordValue) } }
  }
  if (scenario.kind === 'invalid') return { invalid: scenario.invalid }
  return scenario.kind === 'truncation' ? { truncation: scenario.truncation } : {}
}

function recordValue(record: ScenarioRecord): object {
  const { lsn, type, ...rest } = record
  return { lsn, type, ...rest, ...(record.type === 'clr' && record.page === null ? { dummy: true } : {}) }
}

function episodeValue({ disk, expected, crash }: Episode): object {
  const { analysis, redo, undo, finalPages } = expected
  const passes = {
    analysis: ifAsked({ ...analysis, appended: analysis.appended?.map(recordValue) }),
    redo: ifAsked(redo),
    undo: ifAsked({ ...undo, appended: undo.appended?.map(recordValue) }),
    finalPages,
  }
  return { disk, expected: ifAsked(passes), crash }
}

const isAsked = (answer: unknown): boolean => answer !== undefined
const ifAsked = <T extends object>(pass: T): T | undefined => (Object.values(pass).some(isAsked) ? pass : undefined)

/** Whether an answer is missing that the schema wants of a scenario that does not call itself partial. */
function isPartial(scenario: Scenario): boolean {
  if (scenario.committed === undefined || scenario.rolledBack === undefined) return true
  if (scenario.kind !== 'restart' && scenario.kind !== 'restart-analysis') return false
  const isWhole = scenario.kind === 'restart'
  return scenario.episodes.some(({ expected }, i) => {
    const isLast = i === scenario.episodes.length - 1
    return !hasAll(expected, isWhole) || (isWhole && isLast && expected.finalPages === undefined)
  })
}

function hasAll({ analysis, redo, undo }: Answers, isWhole: boolean): boolean {
  const { dptAfterRedo, ...wanted } = redo
  const passes: object[] = [analysis, isWhole || dptAfterRedo !== undefined ? wanted : (ifAsked(wanted) ?? {})]
  passes.push(isWhole ? undo : (ifAsked(undo) ?? {}))
  return passes.flatMap((pass) => Object.values(pass)).every(isAsked)
}

const LINE_MAX = 120

/** What fits is one line; a record is one anyhow. */
function pretty(value: unknown, indent: string): string {
  const line = inLine(value)
  const isRecord = typeof value === 'object' && value !== null && 'lsn' in value
  if (isRecord || typeof value !== 'object' || value === null || indent.length + line.length <= LINE_MAX) return line
  const inner = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((item) => pretty(item, inner))
    : fieldsOf(value).map(([name, item]) => `${JSON.stringify(name)}: ${pretty(item, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${parts.map((part) => inner + part).join(',\n')}\n${indent}${close}`
}

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${fieldsOf(value)
    .map(([name, item]) => `${JSON.stringify(name)}: ${inLine(item)}`)
    .join(', ')}}`
}

const fieldsOf = (value: object): [string, unknown][] => Object.entries(value).filter(([, item]) => isAsked(item))
