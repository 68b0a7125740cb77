/** The parent's handle on the working process: starts it, reads what it tells, kills it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { CliError, ExitCode } from '../errors.ts'
import { decodeMessage, type Job, type Message } from './protocol.ts'

/** The hidden verb of this program that does the work. */
export const WORKER_VERB = 'demo-worker'

export class WorkerProcess {
  readonly #child: ChildProcess
  /** Resolves once the process is gone and everything it had told has been read. */
  readonly #gone: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  #errorText = ''

  /** Starts `program`, this very program, as the worker; `onMessage` gets what it tells. */
  constructor(program: string, job: Job, onMessage: (message: Message) => void) {
    const nodeArguments = [...process.execArgv, program, WORKER_VERB, JSON.stringify(job)]
    const child = spawn(process.execPath, nodeArguments, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText += text
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = decodeMessage(line)
      if (message !== undefined) onMessage(message)
    })
    this.#gone = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /**
   * Waits for its end, by a kill or by itself.
   * @throws `CliError` when it ended in another way
   */
  async end(expected: 'killed' | 'finished'): Promise<void> {
    const { code, signal } = await this.#gone
    const isExpected = expected === 'killed' ? signal === 'SIGKILL' : code === 0
    if (isExpected) return
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`
    throw new CliError(
      `the working process ended ${how}, which nobody asked for: ${this.#errorText.trim()}`,
      ExitCode.PROBLEMS,
    )
  }
}
