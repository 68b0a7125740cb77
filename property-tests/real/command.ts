/** What `npm run crash:kill` and `npm run crash:real` have in common: numbers as options, and cleaning up. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'

/** The exit code of a command that was interrupted. */
export const INTERRUPTED = 130

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value < 2 ** 31) return value
  throw new InvalidArgumentError('It must be a whole number.')
}

/**
 * What has to be undone before the process ends, the last thing first, however it ends: by itself, by an
 * error, by Ctrl-C. Everything is undone synchronously: at its end a process waits for nothing.
 */
export class Cleanup {
  readonly #undo: (() => void)[] = []

  constructor() {
    process.once('exit', () => this.run())
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(INTERRUPTED))
  }

  /** Returns what undoes it before its time. */
  add(undo: () => void): () => void {
    this.#undo.push(undo)
    return () => {
      const index = this.#undo.indexOf(undo)
      if (index < 0) return
      this.#undo.splice(index, 1)
      undo()
    }
  }

  /** A directory that goes with the process, unless it is kept by then. */
  temporaryDirectory(isKept: () => boolean = () => false): string {
    const directory = mkdtempSync(join(tmpdir(), 'aries-real-'))
    this.add(() => {
      if (!isKept()) rmSync(directory, { recursive: true, force: true })
    })
    return directory
  }

  run(): void {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        undo()
      } catch (error) {
        process.stderr.write(`cannot clean up: ${error instanceof Error ? error.message : String(error)}\n`)
      }
    }
  }
}
