/** Runs the program from its source: in this process, or as a user would, in one of its own. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { run } from '../../src/cli/program.ts'

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const LOADER = import.meta.resolve('tsx')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it here, with what it prints caught. */
export async function runCli(...args: string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text)
      return true
    }),
  )
  const codeBefore = process.exitCode
  process.exitCode = undefined
  try {
    await run(args, PROGRAM)
    return { code: Number(process.exitCode ?? 0), ...written }
  } finally {
    process.exitCode = codeBefore
    for (const spy of spies) spy.mockRestore()
  }
}

export type Running = ChildProcessByStdio<Writable | null, Readable, Readable>

/** Starts it in a process of its own. */
export function startCli(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  stdin: 'ignore' | 'pipe' = 'ignore',
): Running {
  return spawn(process.execPath, ['--import', LOADER, PROGRAM, ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  }) as Running
}

/** Runs it in a process of its own, with an open file as stdout. */
export function runCliInto(stdout: number, ...args: string[]): Pick<Outcome, 'code' | 'stderr'> {
  const { status, stderr } = spawnSync(process.execPath, ['--import', LOADER, PROGRAM, ...args], {
    stdio: ['ignore', stdout, 'pipe'],
    encoding: 'utf8',
  })
  return { code: status, stderr }
}

/** Waits for its end. */
export function outcomeOf(child: Running): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
