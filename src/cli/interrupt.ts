/** Ctrl-C and SIGTERM for work that has something to put away first. */
import { constants } from 'node:os'
import { CliError } from './errors.ts'
import { warn } from './output.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Makes `work` hear of signals; when it has ended, the program ends with their code. A second signal ends it at once. */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  let exitCode = 0
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      exitCode = 128 + constants.signals[name]
      controller.abort()
    }
    process.once(name, listener)
    return () => process.off(name, listener)
  })
  try {
    await work(controller.signal)
  } catch (error) {
    if (!controller.signal.aborted) throw error
    throw new CliError(error instanceof CliError ? error.message : 'interrupted', exitCode)
  } finally {
    for (const remove of listeners) remove()
  }
  if (controller.signal.aborted) throw new CliError('interrupted', exitCode)
}

/** For work that can be left as it is: at a signal, until disposed of, `putAway` is called and the program ends at once. */
export function exitOnSignal(putAway: () => void): Disposable {
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      putAway()
      warn('interrupted')
      process.exit(128 + constants.signals[name])
    }
    process.once(name, listener)
    return () => process.off(name, listener)
  })
  return {
    [Symbol.dispose]: () => {
      for (const remove of listeners) remove()
    },
  }
}
