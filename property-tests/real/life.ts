/**
 * One life of a database: a working process from its start to its end, seen by its parent. Whatever it
 * had told before it ended has been heard when `ended` resolves, also what it told right before SIGKILL.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Job, type Message, MessageReader, PIPE } from './protocol.ts'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))
const POLL_MS = 2

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it wrote to its standard error. */
  readonly errorText: string
}

export class Life {
  readonly ended: Promise<End>
  readonly #child: ChildProcess

  constructor(job: Job, environment: NodeJS.ProcessEnv, onMessage: (message: Message) => void) {
    const child = spawn(process.execPath, ['--import', 'tsx', WORKER, JSON.stringify(job)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // Where the loader of the worker is found.
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      // A Ctrl-C in the terminal is meant for its parent, which ends it.
      detached: true,
      env: { ...process.env, ...environment },
    })
    this.#child = child
    let errorText = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errorText += text
    })
    const reader = new MessageReader(onMessage)
    const pipe = child.stdio[PIPE] as NodeJS.ReadableStream
    pipe.setEncoding('utf8').on('data', (text: string) => reader.read(text))
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal, errorText }))
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Asks it to let its clients finish and to close the database. */
  askToClose(): void {
    this.#child.kill('SIGTERM')
  }

  /** Stops all its threads, system calls under way included; resolves when none runs any more. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP')
    while (!this.#isFrozen()) await setTimeout(POLL_MS)
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** By what the system says of each thread; of a process that has ended none is left. */
  #isFrozen(): boolean {
    try {
      const tasks = `/proc/${this.#child.pid}/task`
      return readdirSync(tasks).every((task) => {
        const status = readFileSync(`${tasks}/${task}/stat`, 'utf8')
        return /^[TZX]$/.test(status.charAt(status.lastIndexOf(')') + 2))
      })
    } catch {
      return true
    }
  }
}
