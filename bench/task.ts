/** What passes between the process that leads and those that measure. */
import type { Times } from './clock.ts'
import type { Figures } from './measurement.ts'

export interface Task {
  readonly step: 'load' | 'untilKilled' | 'run' | 'putDurably'
  readonly engine: string
  readonly measurement: string
  readonly directory: string
  readonly times: Times
  readonly scale: number
  /** Of `putDurably`: how many puts, one after the other. */
  readonly puts?: number
}

export interface Answer {
  readonly figures?: Figures
  readonly error?: string
}
