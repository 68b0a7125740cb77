/** What the hunts have found, as a table for the terminal and as the one in docs/planted-bugs.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { BUGS_BY_MANAGER, PLANTED_BUGS } from './catalogue.ts'
import type { Finding } from './hunt.ts'

const DOCUMENT = fileURLToPath(new URL('../../docs/planted-bugs.md', import.meta.url))
const BEGIN = '<!-- written by npm run planted -- --write -->\n'
const END = '<!-- end -->'

const whatFound = ({ missed, by }: Finding): string => (missed === undefined ? by : `NOT FOUND: ${missed}`)

export function lineOf(finding: Finding): string[] {
  const { bug, runs, size, seconds, cpuSeconds } = finding
  return [bug.name, bug.invariant, whatFound(finding), runs, size, seconds.toFixed(0), cpuSeconds.toFixed(0)]
}

function byManager(findings: readonly Finding[]): Finding[] {
  return Object.keys(BUGS_BY_MANAGER).flatMap((manager) => findings.filter(({ bug }) => bug.manager === manager))
}

export function terminalTable(findings: readonly Finding[]): string {
  const table = new Table({
    head: ['bug', 'breaks', 'found by', 'runs', 'example', 's', 'CPU s'],
    colWidths: [null, null, 50, null, null, null, null],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  for (const finding of byManager(findings)) table.push(lineOf(finding))
  return table.toString()
}

function rowOf(finding: Finding): string {
  const { bug, runs, size, seconds, cpuSeconds } = finding
  const cpu = cpuSeconds === 0 ? '-' : cpuSeconds.toFixed(0)
  const cells = [`\`${bug.name}\``, bug.manager, bug.invariant, whatFound(finding), runs, size, seconds.toFixed(0), cpu]
  return `| ${cells.join(' | ')} |`
}

/** The rows of the documented table, by the names of their bugs. */
function rowsIn(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^\| `(\S+)` \|.*$/gm)].map((match) => [match[1] as string, match[0]]))
}

/** Puts what was found into the table of the document. Rows of bugs that were not looked for stay. */
export function writeDocument(findings: readonly Finding[]): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the table`)
  const rows = rowsIn(text.slice(begin, end))
  for (const finding of findings) rows.set(finding.bug.name, rowOf(finding))
  const table = PLANTED_BUGS.flatMap(({ name }) => rows.get(name) ?? [])
  const head =
    '| bug | manager | breaks | found by | runs | example | seconds | CPU |\n|---|---|---|---|---|---|---|---|'
  writeFileSync(DOCUMENT, `${text.slice(0, begin)}${BEGIN}\n${head}\n${table.join('\n')}\n\n${text.slice(end)}`)
}
