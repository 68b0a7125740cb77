/** The results in words: lines for a terminal, and Markdown for docs/performance.md. */
import { engines, OURS } from './engines/index.ts'
import type { FigureKind, Measurement } from './measurement.ts'
import { bestPeer, type Judged, judge, type MeasuredSet, type Results, short, summaryOf } from './results.ts'

type Samples = Record<string, number[]>

const NONE = '–'

function withUnit(value: number, unit: string): string {
  // Rows are counted: one more or less matters.
  if (unit === 'rows') return `${value.toLocaleString('en-US')} rows`
  return unit.startsWith('/') ? `${short(value)}${unit}` : `${short(value)} ${unit}`
}

interface Row {
  readonly kind: FigureKind
  readonly samples: Samples
}

function rowsOf(measurement: Measurement, set: MeasuredSet): Row[] {
  return measurement.figures.flatMap((kind) => {
    const samples = set.samples[kind.id]
    return samples === undefined ? [] : [{ kind, samples }]
  })
}

interface Comparison {
  readonly ours: string
  readonly best: string
  readonly ratio: string
  readonly judged: readonly Judged[]
}

function compare({ kind, samples }: Row): Comparison {
  const own = summaryOf(samples[OURS] ?? [])
  const best = bestPeer(kind, samples, OURS)
  return {
    ours: own === undefined ? NONE : withUnit(own.median, kind.unit),
    best: best === undefined ? NONE : `${withUnit(best.median, kind.unit)} (${best.engine})`,
    ratio: own === undefined || best === undefined ? NONE : (own.median / best.median).toFixed(2),
    judged: (kind.targets ?? []).map((target) => judge(kind, target, samples, OURS)),
  }
}

const verdict = ({ isMet }: Judged): string => (isMet === undefined ? '?' : isMet ? 'met' : 'missed')

/** What a terminal shows when a measurement is done. */
export function linesOf(measurement: Measurement, set: MeasuredSet): string[] {
  return rowsOf(measurement, set).map((row) => {
    const { ours, best, ratio, judged } = compare(row)
    const targets = judged.map((each) => `${each.target}: ${verdict(each)}`).join('; ')
    return `${row.kind.id.padEnd(18)} ${ours.padStart(14)}   best peer ${best.padEnd(38)} ratio ${ratio.padStart(6)}   ${targets}`
  })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Ours against the best peer, and the targets. */
function ratioTable(measurements: readonly Measurement[], results: Results): string {
  const rows = measurements.flatMap((measurement) => {
    const set = results.measurements[measurement.id]
    if (set === undefined) return []
    return rowsOf(measurement, set).flatMap((row) => {
      const { ours, best, ratio, judged } = compare(row)
      // What nobody else does, and nothing is aimed at, is in the tables of all engines.
      if (ratio === NONE && judged.length === 0) return []
      const target = judged.map((each) => each.target).join('; ')
      return [[row.kind.title, ours, best, ratio, target, judged.map(verdict).join('; ')]]
    })
  })
  return table(['workload', 'aries-db', 'best peer', 'ratio', 'target', ''], rows)
}

/** Median and range of every engine. */
function fullTable(group: string, measurements: readonly Measurement[], results: Results): string | undefined {
  const rows = measurements
    .filter((measurement) => measurement.group === group)
    .flatMap((measurement) => {
      const set = results.measurements[measurement.id]
      return set === undefined ? [] : rowsOf(measurement, set)
    })
  const taking = engines.filter((engine) => rows.some(({ samples }) => samples[engine.id] !== undefined))
  if (rows.length === 0) return undefined
  return table(
    ['workload', ...taking.map((engine) => engine.id)],
    rows.map(({ kind, samples }) => [
      `${kind.title}, ${kind.unit}`,
      ...taking.map((engine) => {
        const found = summaryOf(samples[engine.id] ?? [])
        if (found === undefined) return NONE
        return `${short(found.median)} (${short(found.min)}–${short(found.max)})`
      }),
    ]),
  )
}

/** Everything between the markers of docs/performance.md. */
export function markdownOf(measurements: readonly Measurement[], results: Results, charts: readonly string[]): string {
  const groups = [...new Set(measurements.map(({ group }) => group))]
  const full = groups.flatMap((group) => fullTable(group, measurements, results) ?? [])
  return [
    '### Against the best peer',
    `${settingsLine(results)} For figures in time or bytes a low ratio is good.`,
    ratioTable(measurements, results),
    ...charts.map((chart) => `![${chart}](performance/${chart}.svg)`),
    '### Every engine',
    'Median (least–most).',
    ...full,
    '### The machine and the versions',
    table(
      ['', ''],
      [...Object.entries(results.machine), ...Object.entries(results.versions).map(([id, version]) => [id, version])],
    ),
  ].join('\n\n')
}

function settingsLine(results: Results): string {
  const sets = Object.values(results.measurements)
  const range = (values: readonly number[]): string => {
    const [least, most] = [Math.min(...values), Math.max(...values)]
    return least === most ? String(least) : `${least} to ${most}`
  }
  const sizes = sets.some(({ scale }) => scale !== 1) ? `, sizes times ${range(sets.map(({ scale }) => scale))}` : ''
  const runs = range(sets.map((set) => set.runs))
  return `Medians of ${runs} runs with windows of ${range(sets.map((set) => set.windowMs))} ms${sizes}.`
}
