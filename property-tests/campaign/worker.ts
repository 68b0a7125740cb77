/**
 * A worker of a campaign: takes one job after the other until it is killed. Most explore a workload, the
 * fixed ones first and drawn ones after them; random scripts have a share of the time.
 */
import { setImmediate as nextLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { Runner } from '../commands/runner.ts'
import { printScript, scripts } from '../commands/script.ts'
import { Explorer } from '../exploration/explorer.ts'
import { drawnWorkload, WORKLOADS, type Workload } from '../exploration/workloads.ts'
import { checkProperty } from '../runs.ts'
import type { Assignment, Failure, Report } from './messages.ts'

const REPORT_EVERY_MS = 400
const SCRIPTS_A_JOB = 10
/** The share of the time that scripts have. */
const SCRIPTS_SHARE = 0.1
/** So that one large workload does not take all the time. */
const STATES_A_WORKLOAD = 15_000

const { seed, index, count, depth, statesPerPoint } = JSON.parse(process.argv[2] ?? '') as Assignment

/** CPU time since it was last asked for. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  const sinceMs = (user + system) / 1000 - toldCpuMs
  toldCpuMs += sinceMs
  return sinceMs
}

let toldCpuMs = 0

function send(report: Report): void {
  process.send?.(report)
}

async function explore(workload: Workload, number: number): Promise<void> {
  const deferRedo = (seed + number) % 2 === 1
  const options = { seed: seed + number, depth, statesPerPoint, statesPerRestartPoint: 3, deeperEvery: 150, deferRedo }
  let reportedMs = performance.now()
  let states = 0
  const goesOn = async (): Promise<boolean> => {
    states++
    if (performance.now() - reportedMs > REPORT_EVERY_MS) {
      reportedMs = performance.now()
      tell(0)
      await nextLoop()
    }
    return states < STATES_A_WORKLOAD
  }
  const explorer = new Explorer({ ...options, goesOn })
  const tell = (workloads: number): void =>
    send({ kind: 'figures', coverage: explorer.coverage.take(), workloads, cpuMs: cpuMs(), scripts: 0, restarts: 0 })
  const violation = await explorer.explore(workload)
  tell(1)
  if (violation !== undefined) fail({ kind: 'state', violation, options })
}

async function runScripts(number: number): Promise<void> {
  const property = fc.asyncProperty(scripts, async (script) => {
    const { counts } = await Runner.run(script)
    send({ kind: 'figures', coverage: {}, workloads: 0, cpuMs: cpuMs(), scripts: 1, restarts: counts.restarts })
  })
  const jobSeed = seed + number
  try {
    await checkProperty(property, { numRuns: SCRIPTS_A_JOB, seed: jobSeed }, ([script]) => printScript(script))
  } catch (error) {
    fail({ kind: 'script', seed: jobSeed, text: error instanceof Error ? error.message : String(error) })
  }
}

function fail(failure: Failure): void {
  send({ kind: 'failure', failure })
}

function workloadOfJob(number: number): Workload {
  return WORKLOADS[number] ?? drawnWorkload(seed * 1_000_003 + number)
}

process.on('disconnect', () => process.exit())
const startedMs = performance.now()
let scriptsMs = 0
for (let workloads = index, scriptJobs = index; ; ) {
  const nowMs = performance.now()
  if (scriptsMs < SCRIPTS_SHARE * (nowMs - startedMs)) {
    await runScripts(scriptJobs)
    scriptJobs += count
    scriptsMs += performance.now() - nowMs
  } else {
    await explore(workloadOfJob(workloads), workloads)
    workloads += count
  }
  await nextLoop()
}
