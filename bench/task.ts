/** What passes between the process that leads and those that measure. */
import type { Times } from './clock.ts'
import type { Figures } from './measurement.ts'

export interface Task {
  readonly step: 'load' | 'untilKilled' | 'run'
  readonly engine: string
  readonly measurement: string
  readonly directory: string
  readonly times: Times
  readonly scale: number
}

export interface Answer {
  readonly figures?: Figures
  readonly error?: string
}
