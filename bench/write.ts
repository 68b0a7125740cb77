/** Keeps results: as JSON in bench/results, as tables in docs/performance.md, as charts beside it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawCharts } from './charts.ts'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { measurements } from './workloads/index.ts'

const LATEST = fileURLToPath(new URL('results/latest.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const CHARTS = fileURLToPath(new URL('../docs/performance', import.meta.url))
const BEGIN = '<!-- figures: written by npm run bench -- --write -->'
const END = '<!-- end of figures -->'

const keptResults = (): Results => JSON.parse(readFileSync(LATEST, 'utf8')) as Results

/** Workloads that were not run keep what they have, when it was found on the same machine. */
function mergedWith(results: Results): Results {
  if (!existsSync(LATEST)) return results
  const before = keptResults()
  if (JSON.stringify(before.machine) !== JSON.stringify(results.machine)) return results
  return {
    machine: results.machine,
    versions: { ...before.versions, ...results.versions },
    measurements: { ...before.measurements, ...results.measurements },
  }
}

/** Keeps what was found, for later runs too. */
export function keepResults(found: Results): void {
  mkdirSync(dirname(LATEST), { recursive: true })
  writeFileSync(LATEST, `${JSON.stringify(mergedWith(found), roundedToFour, 1)}\n`)
}

/** Writes all that is kept into the documentation. */
export async function writeReport(say: (text: string) => void): Promise<void> {
  const results = keptResults()
  const charts = await drawCharts(measurements, results, CHARTS, say)
  const page = readFileSync(PAGE, 'utf8')
  const [head, , tail] = [page.split(BEGIN)[0], '', page.split(END)[1]]
  if (head === undefined || tail === undefined) throw new Error(`${PAGE} has lost its markers`)
  writeFileSync(PAGE, `${head}${BEGIN}\n\n${markdownOf(measurements, results, charts)}\n\n${END}${tail}`)
  say(`written: ${LATEST}, ${PAGE}, ${charts.length} charts`)
}

/** Four significant digits are more than any figure here has. */
function roundedToFour(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
