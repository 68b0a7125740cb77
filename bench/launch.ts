/** Starts the processes that measure, and waits for what they answer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { CHILD } from './prepare.ts'
import type { Answer, Task } from './task.ts'

const LIMIT_MS = 30 * 60_000

export class Launcher {
  #child: ChildProcess | undefined

  /** Runs a task in a fresh process, behind a command such as a tracer if one is given. @throws what went wrong there */
  perform(task: Task, behind: readonly string[] = []): Promise<Answer> {
    const [command = process.execPath, ...args] = [...behind, process.execPath, CHILD]
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      this.#child = child
      let answer: Answer = { error: 'it ended without an answer' }
      const timer = setTimeout(() => {
        answer = { error: `it took more than ${LIMIT_MS / 60_000} minutes` }
        child.kill('SIGKILL')
      }, LIMIT_MS)
      child.once('message', (message: Answer) => {
        answer = message
        if (task.step === 'untilKilled') child.kill('SIGKILL')
      })
      child.once('error', reject)
      child.once('exit', () => {
        clearTimeout(timer)
        this.#child = undefined
        if (answer.error === undefined) resolve(answer)
        else reject(new Error(answer.error))
      })
      child.send(task)
    })
  }

  /** Ends what runs. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}
