/**
 * `npm run crash:real`: real file systems whose power is cut, real disks that fail or fill up, real
 * system calls that go wrong, under a process with several clients at work; after each fault all that
 * it acknowledged has to be there, and nothing in part.
 *
 *   npm run crash:real -- --cuts 200 --seed 1 --clients 8
 *   npm run crash:real -- --only ext4 --cuts 20
 *
 * Needs Linux, and root for most. What this machine cannot do is skipped, and said; that is no failure.
 * Everything is mounted on directories of its own below the system's temporary one, and taken down in
 * the end, also after Ctrl-C.
 */
import { Command } from 'commander'
import { printLine } from '../../src/cli/output.ts'
import { randomFrom } from '../../src/common/random.ts'
import { Bench, type Case, type Counts } from './case.ts'
import { Cleanup, wholeNumber } from './command.ts'
import { failingSyncs } from './failing-sync.ts'
import { fullDisk, noInodes } from './full-disk.ts'
import { nthSyncFails, nthWriteTorn } from './injected-faults.ts'
import { isRoot, missing, Unavailable } from './machine.ts'
import { lyingSync, powerCuts } from './power-cut.ts'
import { readOnly } from './read-only.ts'
import { Progress, printRows, type Row } from './report.ts'

const CASES: readonly Case[] = [
  powerCuts('ext4'),
  powerCuts('xfs'),
  lyingSync,
  failingSyncs('ext4'),
  failingSyncs('xfs'),
  nthSyncFails,
  nthWriteTorn,
  fullDisk,
  noInodes,
  readOnly,
]

interface Options extends Counts {
  readonly seed: number
  readonly clients: number
  readonly only: string
}

const options = new Command('crash:real')
  .description(
    'cut the power of real file systems, let disks fail and fill up, and see that what was acknowledged is there',
  )
  .option('--cuts <n>', 'power cuts of each file system', wholeNumber, 200)
  .option('--faults <n>', 'faults of each other kind', wholeNumber, 40)
  .option('--seed <n>', 'what is drawn follows from it', wholeNumber, 1)
  .option('--clients <n>', 'clients that work at once', wholeNumber, 8)
  .option('--only <text>', 'only the cases with this in their name', '')
  .addHelpText(
    'after',
    `
Cases: ${CASES.map(({ name }) => name).join('; ')}.

Debian packages for all of them: e2fsprogs gcc libnbd-bin mount nbdkit xfsprogs.
Exits with 0 when nothing was violated, skipped cases aside; 1 when something was; 130 when interrupted.`,
  )
  .parse()
  .opts<Options>()

async function runCase({ name, needs, runs, run }: Case, cleanup: Cleanup): Promise<Row> {
  const reason = missing(needs)
  if (reason !== undefined) return { name, skipped: reason }
  const total = runs(options)
  const progress = new Progress(name, total)
  let done = 0
  try {
    const { seed, clients } = options
    const outcome = await run(
      new Bench({
        seed,
        clients,
        runs: total,
        random: randomFrom(seed),
        cleanup,
        onRun: (trial, count) => {
          done = count
          progress.at(done, trial.oracle)
        },
      }),
    )
    return { name, runs: done, notes: outcome.notes, oracle: outcome.trial.oracle }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return { name, skipped: error.message }
  } finally {
    progress.end()
  }
}

async function main(): Promise<boolean> {
  const { seed, clients, only } = options
  printLine(`seed ${seed}, ${clients} clients`)
  if (!isRoot) printLine('Only root can mount: run it with sudo for all cases. What needs no root is run now.')
  const cleanup = new Cleanup()
  const rows: Row[] = []
  for (const one of CASES.filter(({ name }) => name.includes(only))) {
    const row = await runCase(one, cleanup)
    printLine('skipped' in row ? `${row.name}: skipped: ${row.skipped}` : `${row.name}: ${row.runs} done`)
    rows.push(row)
  }
  printRows(rows)
  return rows.every((row) => 'skipped' in row || row.oracle.violations.length === 0)
}

process.exitCode = (await main()) ? 0 : 1
