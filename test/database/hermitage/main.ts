/**
 * `npm run hermitage`: the anomalies against the isolation levels, beside PostgreSQL and InnoDB.
 *
 *   npm run hermitage -- --write      puts the tables into docs/isolation.md
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { BEGIN, casesOf, documented, END, matrixOf, runAll } from './matrix.ts'

const DOCUMENT = fileURLToPath(new URL('../../../docs/isolation.md', import.meta.url))

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const results = await runAll()
for (const [head = [], ...rows] of [matrixOf(results), casesOf(results)]) {
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push([...row])
  console.log(table.toString())
}
if (values.write) {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the tables`)
  writeFileSync(DOCUMENT, text.slice(0, begin) + BEGIN + documented(results) + text.slice(end))
}
