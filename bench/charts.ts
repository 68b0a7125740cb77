/** Charts of the results, drawn by Vega-Lite, which is among the packages of the benchmark. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OURS } from './engines/index.ts'
import type { Measurement } from './measurement.ts'
import { bestPeer, type Results, summaryOf } from './results.ts'
import { GROWTH_LINES, GROWTH_ROWS } from './workloads/growth.ts'

interface VegaModule {
  parse(spec: object): object
  View: new (runtime: object, options: object) => { toSVG(): Promise<string> }
}

interface VegaLiteModule {
  compile(spec: object): { spec: object }
}

/** By a name in a variable, so that nothing needs it to be installed. */
const importPeer = <T>(name: string): Promise<T> => import(name) as Promise<T>

async function draw(spec: object, path: string): Promise<void> {
  const [vega, vegaLite] = await Promise.all([importPeer<VegaModule>('vega'), importPeer<VegaLiteModule>('vega-lite')])
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' })
  writeFileSync(path, `${await view.toSVG()}\n`)
}

/** Shared by all: readable on white and on dark pages, since it brings its own white. */
const STYLE = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  config: { font: 'sans-serif', axis: { labelLimit: 420 } },
}

/** How many times as good as the best peer each of the first figures is, on a scale of doublings. */
function ratioSpec(measurements: readonly Measurement[], results: Results): object {
  const values = measurements.flatMap(({ id, figures }) =>
    figures.slice(0, 1).flatMap((kind) => {
      const samples = results.measurements[id]?.samples[kind.id]
      const own = samples && summaryOf(samples[OURS] ?? [])?.median
      const best = samples && bestPeer(kind, samples, OURS)
      if (own === undefined || best === undefined) return []
      const times = kind.better === 'more' ? own / best.median : best.median / own
      return [{ workload: kind.title, times, peer: best.engine }]
    }),
  )
  return {
    ...STYLE,
    title: 'aries-db beside the best peer (right of 1: faster)',
    data: { values },
    width: 420,
    height: { step: 20 },
    encoding: {
      y: { field: 'workload', type: 'nominal', sort: null, title: null },
      x: { field: 'times', type: 'quantitative', scale: { type: 'log', base: 2 }, title: 'times as good' },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          x2: { datum: 1 },
          color: { condition: { test: 'datum.times >= 1', value: '#2a7f62' }, value: '#c0562f' },
        },
      },
      { mark: { type: 'rule', color: '#444' }, encoding: { x: { datum: 1 }, y: null } },
    ],
  }
}

/** Costs against the number of rows, both by powers of ten: a cost that grows as the table does is a diagonal. */
function growthSpec(results: Results): object | undefined {
  const values = GROWTH_LINES.flatMap(({ kind, title }) =>
    GROWTH_ROWS.flatMap((rows) => {
      const id = `n-${kind}-${rows}`
      const found = summaryOf(results.measurements[id]?.samples[id]?.[OURS] ?? [])
      return found === undefined ? [] : [{ line: title, rows, cost: found.median }]
    }),
  )
  if (values.length === 0) return undefined
  const powers = { scale: { type: 'log' }, axis: { format: '~s' } }
  return {
    ...STYLE,
    title: 'cost of an operation by rows in the table',
    data: { values },
    width: 420,
    height: 320,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'rows', type: 'quantitative', title: 'rows', ...powers },
      y: { field: 'cost', type: 'quantitative', title: 'microseconds (restart: milliseconds)', ...powers },
      color: { field: 'line', type: 'nominal', sort: null, title: null, legend: { labelLimit: 260 } },
    },
  }
}

/** Draws what there are results for; the names of the charts. */
export async function drawCharts(
  measurements: readonly Measurement[],
  results: Results,
  directory: string,
  say: (text: string) => void,
): Promise<string[]> {
  mkdirSync(directory, { recursive: true })
  const growth = growthSpec(results)
  const specs: Record<string, object> = {
    ratios: ratioSpec(measurements, results),
    ...(growth === undefined ? {} : { growth }),
  }
  try {
    for (const [name, spec] of Object.entries(specs)) await draw(spec, join(directory, `${name}.svg`))
    return Object.keys(specs)
  } catch (error) {
    say(`no charts: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}
