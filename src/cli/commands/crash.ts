/** `aries crash`: a short crash campaign on a simulated disk. */
import type { Command } from 'commander'
import { CrashTestFailure, type CrashTestFigures, crashTest } from '../../testing/index.ts'
import { wholeNumber } from '../arguments.ts'
import { makeCrashPlan, runCrashPlan, verifyCrashPlan } from '../crash/workload.ts'
import { ExitCode } from '../errors.ts'
import { exitOnSignal } from '../interrupt.ts'
import { counted, grouped, printJson, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'

interface Options {
  readonly seed?: number
  readonly points: number
  readonly states: number
  readonly replay?: string
  readonly json?: boolean
}

export function addCrash(program: Command): void {
  program
    .command('crash')
    .description('crash a random workload at every write to a simulated disk, and verify what is left')
    .option('--seed <number>', 'of workload and crashes; drawn anew when none is given', wholeNumber())
    .option('--points <count>', 'at most so many moments to crash at', wholeNumber(1), 100)
    .option('--states <count>', 'at most so many states of the disk for each', wholeNumber(1), 8)
    .option('--replay <case>', 'only the case that an earlier failure names; with its --seed')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Kills and power cuts, torn and reordered writes, and crashes of the restart itself, all in memory. It is the kit that is
published as aries-db/testing, where you can put your own program under it: see docs/testing.md.

Examples:
  $ aries crash
  $ aries crash --seed 7 --points 500

Exits with 0 when every state was right after recovery, with 1 when one was not.`,
    )
    .action(async (options: Options) => {
      const seed = options.seed ?? Math.floor(Math.random() * 1_000_000)
      const startedMs = performance.now()
      try {
        const figures = await campaign(seed, options)
        const seconds = Math.round((performance.now() - startedMs) / 100) / 10
        if (options.json) printJson({ seed, seconds, violations: 0, ...figures })
        else printFigures(seed, seconds, figures)
      } catch (error) {
        if (!(error instanceof CrashTestFailure)) throw error
        if (options.json) printJson({ seed, violations: 1, replay: error.replay, message: error.message })
        else printLine(`${error.message}\n\nrepeat it with: aries crash --seed ${seed} --replay '${error.replay}'`)
        process.exitCode = ExitCode.PROBLEMS
      }
    })
}

async function campaign(seed: number, { points, states, replay }: Options): Promise<CrashTestFigures> {
  using bar = new ProgressBar()
  using _signals = exitOnSignal(() => bar.hide())
  const plan = makeCrashPlan(seed)
  return await crashTest<number>({
    seed,
    maxCrashPoints: points,
    statesPerCrashPoint: states,
    workload: ({ db, ack }) => runCrashPlan(plan, db, ack),
    invariant: ({ db, acknowledged }) => verifyCrashPlan(plan, db, acknowledged.length),
    onProgress: ({ crashPoints, crashPointsPossible, states: done }) =>
      bar.update('crashes', crashPoints, Math.min(points, crashPointsPossible), ` | ${grouped(done)} states`),
    ...(replay === undefined ? {} : { replay }),
  })
}

function printFigures(seed: number, seconds: number, figures: CrashTestFigures): void {
  const { crashPoints, crashPointsPossible, states, statesAfterCrashedRestart, processes } = figures
  printLine(`crashed at ${grouped(crashPoints)} of ${counted(crashPointsPossible, 'possible moment')}, seed ${seed}`)
  printLine(
    `${counted(states, 'disk state')} recovered and verified, ${grouped(statesAfterCrashedRestart)} of them after a crash of the restart`,
  )
  printLine(`${counted(processes, 'process', 'processes')} simulated, 0 violations, ${seconds} s`)
}
