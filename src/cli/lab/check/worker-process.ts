/**
 * Judges cases in a process of its own. What a student wrote may never end, or end the process: then the case that
 * was under way has failed, and a new process goes on behind it. In that process no text becomes code, so that
 * nobody makes himself the functions that the lab keeps from him.
 */
import { fork } from 'node:child_process'
import { CliError } from '../../errors.ts'
import type { CaseOutcome, LabCase } from './report.ts'

/** The hidden verb of this program that judges. */
export const WORKER_VERB = 'lab-worker'

/** What a worker is to do. */
export interface LabJob {
  readonly lab: string
  /** The student's folder. */
  readonly directory: string
  /** The folder with what the labs are made of. */
  readonly data: string
  readonly cases: readonly string[]
  /** What the lab was drawn from, where it was. */
  readonly seed?: number
}

/** What a worker tells: that a case is done, or only that it is still at work. */
export type WorkerMessage = { readonly kind: 'alive' } | ({ readonly kind: 'done' } & CaseOutcome)

/** A case that says nothing for so long never will; the longest on a slow machine takes a few seconds. */
const SILENCE_MS = 15_000
/** Until it says that it is there. */
const START_MS = 60_000
/** After so many of a part, the others of the part are not tried. */
const HANGING_MAX = 3

/** Judges `cases` in order; `onOutcome` is called after each. @throws `CliError` when no worker can be started */
export async function judgeInWorker(
  programFile: string,
  job: Omit<LabJob, 'cases'>,
  cases: readonly LabCase[],
  onOutcome: (outcome: CaseOutcome) => void,
  silenceMs = SILENCE_MS,
): Promise<CaseOutcome[]> {
  const outcomes: CaseOutcome[] = []
  const take = (outcome: CaseOutcome): void => {
    outcomes.push(outcome)
    onOutcome(outcome)
  }
  const hanging = new Map<string, number>()
  for (let left = cases; left.length > 0; left = cases.slice(outcomes.length)) {
    const how = await runWorker(programFile, { ...job, cases: left.map(({ id }) => id) }, take, silenceMs)
    const current = cases[outcomes.length]
    if (current === undefined) break
    take({ id: current.id, complaints: [how] })
    const count = (hanging.get(current.part) ?? 0) + 1
    hanging.set(current.part, count)
    for (
      let next = cases[outcomes.length];
      count >= HANGING_MAX && next?.part === current.part;
      next = cases[outcomes.length]
    ) {
      take({ id: next.id, complaints: ['not tried, because others of this part do not end'] })
    }
  }
  return outcomes
}

/** Resolves with how it ended, once it has. */
function runWorker(
  programFile: string,
  job: LabJob,
  onOutcome: (outcome: CaseOutcome) => void,
  silenceMs: number,
): Promise<string> {
  const child = fork(programFile, [WORKER_VERB, JSON.stringify(job)], {
    execArgv: [...process.execArgv, '--disallow-code-generation-from-strings'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let how = ''
  let errors = ''
  // What the student's code prints is for the student, and not part of the report.
  child.stdout?.on('data', (part: Buffer) => process.stderr.write(part))
  child.stderr?.on('data', (part: Buffer) => {
    errors += part.toString()
  })
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      how = 'it never ends: something is waited for, or looped over, for ever'
      child.kill('SIGKILL')
    }
    let silence = setTimeout(giveUp, START_MS)
    child.on('message', (message) => {
      clearTimeout(silence)
      silence = setTimeout(giveUp, silenceMs)
      const told = message as WorkerMessage
      if (told.kind === 'done') onOutcome({ id: told.id, complaints: told.complaints })
    })
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(silence)
      const lastLine = errors.trim().split('\n').at(-1) ?? ''
      if (code === 2 || code === 3) reject(new CliError(lastLine.replace(/^aries: /, '')))
      else resolve(how === '' ? `it ends the process: ${lastLine}` : how)
    })
  })
}

/** The worker's side: judges each case and tells of it. */
export async function workAs(
  cases: readonly (LabCase & { judge(isAlive: () => void): Promise<readonly string[]> | readonly string[] })[],
): Promise<void> {
  const tell = (message: WorkerMessage): void => void process.send?.(message)
  tell({ kind: 'alive' })
  for (const { id, judge } of cases) tell({ kind: 'done', id, complaints: await judge(() => tell({ kind: 'alive' })) })
  process.disconnect()
}
