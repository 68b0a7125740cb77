/** `npm run bench`: see HELP. */
import { parseArgs } from 'node:util'
import type { Engine } from './engines/engine.ts'
import { engineOf, engines } from './engines/index.ts'
import { showIsolationCosts } from './isolation.ts'
import { showLockCosts } from './locks.ts'
import { fileSystemOf, machineOf } from './machine.ts'
import type { Measurement } from './measurement.ts'
import { availabilityOf, buildChild, buildLibrary, installPeers } from './prepare.ts'
import { linesOf } from './report.ts'
import type { MeasuredSet } from './results.ts'
import { type RunEvents, Runner, takesPart } from './runner.ts'
import { hasStrace, verifyDurability } from './verify.ts'
import { measurements } from './workloads/index.ts'
import { keepResults, writeReport } from './write.ts'

const HELP = `How fast aries-db is beside other embedded databases, on this machine.

  npm run bench                                   everything; one to two hours
  npm run bench -- --quick                        everything, small and rough; minutes
  npm run bench -- --only e,f --engines aries,lmdb

  --only LIST       workloads, by letter (a) or name (e-sync); see below
  --engines LIST    ${engines.map(({ id }) => id).join(', ')}
  --rows N          rows of a table, 1,000,000 by default; other sizes change with it
  --runs N          processes for each figure, 5 by default
  --window MS       how long a process counts, 1500 by default
  --quick           200,000 rows, 3 runs, windows of 400 ms
  --verify          counts syncs for each durable put, with strace, and measures nothing
  --write           keeps the results, those of a workload as soon as it is done: bench/results/latest.json, and in
                    the end docs/performance.md and its charts
  --report          only writes docs/performance.md and its charts, from the results that are kept

Databases are made below the system's directory for temporary files, or below ARIES_BENCH_DIR.

Workloads:
${measurements.map(({ id, figures, isOnlyByName = false }) => `  ${id.padEnd(14)} ${figures[0]?.title}${isOnlyByName ? '; only when named' : ''}`).join('\n')}
  isolation, locks   what isolation levels and locks cost, in CPU time; only when named
`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    engines: { type: 'string' },
    rows: { type: 'string' },
    runs: { type: 'string' },
    window: { type: 'string' },
    quick: { type: 'boolean', default: false },
    verify: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const WARM_UP_MS = 1000

const say = (text: string): void => console.error(text)

function numberOf(name: 'rows' | 'runs' | 'window', otherwise: number): number {
  const text = values[name]
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, got ${text}`)
  return value
}

function chosen(only: ReadonlySet<string> | undefined): Measurement[] {
  if (only === undefined) return measurements.filter(({ isOnlyByName }) => isOnlyByName !== true)
  for (const name of only) {
    const isKnown = measurements.some(({ id, group, figures }) =>
      [id, group, ...figures.map((f) => f.id[0])].includes(name),
    )
    if (!isKnown && name !== 'isolation' && name !== 'locks')
      throw new Error(`unknown workload ${name}; --help lists them`)
  }
  // Some figures come with another workload: the sizes of j with the loads of d.
  return measurements.filter(
    ({ id, group, figures }) =>
      only.has(id) || only.has(group) || figures.some((figure) => only.has(figure.id.slice(0, 1))),
  )
}

function usable(wanted: readonly Engine[]): { engines: Engine[]; versions: Record<string, string> } {
  const found: Engine[] = []
  const versions: Record<string, string> = {}
  for (const engine of wanted) {
    const availability = availabilityOf(engine)
    if ('missing' in availability) say(`${engine.id} is left out: ${availability.missing}`)
    else {
      found.push(engine)
      versions[engine.packageName ?? engine.id] = availability.version
    }
  }
  return { engines: found, versions }
}

async function main(): Promise<void> {
  if (values.report) return writeReport(say)
  const only = values.only === undefined ? undefined : new Set(values.only.split(','))
  const selected = chosen(only)
  if (only?.has('isolation')) await showIsolationCosts()
  if (only?.has('locks')) await showLockCosts(numberOf('rows', 1_000_000))
  if (selected.length > 0) await compareEngines(selected)
}

async function showVerified(taking: readonly Engine[], runner: Runner): Promise<void> {
  if (!hasStrace()) throw new Error('--verify counts system calls with strace, which is not installed')
  console.log(
    'durable puts of one client, of each 200: calls of fsync, fdatasync or msync, and writes through (O_DSYNC)',
  )
  for (const engine of taking) {
    const { syncsAPut, writesThroughAPut, isDurable } = await verifyDurability(
      engine,
      runner.launcher,
      runner.directory,
    )
    const counts = `${syncsAPut.toFixed(2).padStart(6)} syncs a put ${writesThroughAPut.toFixed(2).padStart(6)} writes through`
    console.log(`${engine.id.padEnd(24)} ${counts}   ${isDurable ? 'durable' : 'NOT DURABLE'}`)
  }
}

async function compareEngines(selected: readonly Measurement[]): Promise<void> {
  const { quick } = values
  const windowMs = numberOf('window', quick ? 400 : 1500)
  const options = {
    runs: numberOf('runs', quick ? 3 : 5),
    scale: numberOf('rows', quick ? 200_000 : 1_000_000) / 1_000_000,
    // Less would measure code that is not yet compiled.
    times: { windowMs, warmUpMs: Math.max(WARM_UP_MS, windowMs / 3) },
  }
  buildLibrary(say)
  installPeers(say)
  await buildChild()
  const { engines: taking, versions } = usable(values.engines?.split(',').map(engineOf) ?? engines)
  const total = selected.reduce((sum, each) => sum + taking.filter((engine) => takesPart(engine, each)).length, 0)
  const runner = new Runner(options, progress(total * options.runs))
  const stop = (): void => {
    runner.cleanUp()
    process.exit(130)
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  if (fileSystemOf(runner.directory) === 'tmpfs') {
    say(`${runner.directory} is in memory, so that nothing durable can be measured: set ARIES_BENCH_DIR`)
  }
  const machine = machineOf(runner.directory)
  try {
    if (values.verify) return await showVerified(taking, runner)
    for (const [i, measurement] of selected.entries()) {
      const samples = await runner.measure(measurement, taking)
      const set: MeasuredSet = {
        date: new Date().toISOString().slice(0, 10),
        runs: options.runs,
        windowMs,
        scale: options.scale,
        samples,
      }
      if (values.write) keepResults({ machine, versions, measurements: { [measurement.id]: set } })
      clearProgress()
      for (const line of linesOf(measurement, set)) console.log(line)
      if (selected[i + 1]?.dataset?.rows !== measurement.dataset?.rows) runner.dropDatasets()
    }
    if (values.write) await writeReport(say)
  } finally {
    runner.cleanUp()
  }
}

function progress(total: number): RunEvents {
  let count = 0
  return {
    begin(measurement, engine, what) {
      if (what.startsWith('run')) count++
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[K[${count}/${total}] ${measurement.id}: ${engine.id}, ${what}`)
    },
    failed(measurement, engine, message) {
      clearProgress()
      say(`${engine.id} is left out of ${measurement.id}: ${message}`)
    },
  }
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

if (values.help) console.log(HELP)
else {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  })
}
