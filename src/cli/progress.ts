/** A progress bar on stderr while work goes on; nothing where stderr is no terminal. */
import cliProgress from 'cli-progress'
import type { RecoveryProgress } from '../index.ts'
import { grouped } from './output.ts'

export class ProgressBar implements Disposable {
  readonly #bar = new cliProgress.SingleBar(
    {
      format: '{bar} {task}: {percentage} %{detail}',
      stream: process.stderr,
      clearOnComplete: true,
      // Ctrl-C may end the program at any time, and must leave the terminal as it was.
      hideCursor: false,
      linewrap: true,
    },
    cliProgress.Presets.shades_classic,
  )
  #isShown = false

  update(task: string, done: number, total: number, detail = ''): void {
    if (process.stderr.isTTY !== true) return
    const status = { task, detail }
    if (!this.#isShown) this.#bar.start(Math.max(1, total), done, status)
    this.#isShown = true
    this.#bar.setTotal(Math.max(1, total))
    this.#bar.update(done, status)
  }

  /** For `onProgress` of `open`. How much there is to analyse is not known before its end. */
  readonly recovery = ({ phase, done, total }: RecoveryProgress): void => {
    if (phase === 'analysis') this.update('analysis', 0, 1, ` | ${grouped(done / 1024)} KiB of log`)
    else this.update(phase, done, total)
  }

  hide(): void {
    if (this.#isShown) this.#bar.stop()
    this.#isShown = false
  }

  [Symbol.dispose](): void {
    this.hide()
  }
}
