/**
 * Moments and states. A moment is a crash that has struck, before it is decided what of the unsynced
 * changes survives; each decision makes a state. Both know which commits have to be there.
 */
import type { CrashChoice, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import type { CrashKind } from '../model.ts'
import { type Mutation, WatchedFileSystem } from '../watched-file-system.ts'

/** One crash on the way to a state. */
export interface CrashStep {
  /** Before which change or sync, counted from 1. */
  readonly point: number
  readonly before: string
  /** What survived, in the words of `crashStates`. */
  readonly survived: string
}

export interface Duty {
  /** How many commits must have survived each kind of crash, and how many may have. */
  readonly floors: Readonly<Record<CrashKind, number>>
  readonly total: number
}

/** A crash, before it is decided what survives it. */
export interface Moment extends Duty {
  readonly disk: SimulatedFileSystem
  readonly before: Mutation
  readonly point: number
  /** The crashes before it, and whether they all left the machine its power. */
  readonly earlier: readonly CrashStep[]
  readonly onlyKilled: boolean
}

/** A disk as a crash leaves it. */
export interface State extends Duty {
  readonly disk: SimulatedFileSystem
  readonly crashes: readonly CrashStep[]
  readonly onlyKilled: boolean
}

export type Survivors = CrashChoice & { readonly label: string }

export const KILLED: Survivors = { mode: 'kill', label: 'all, the process died' }
/** Stands for the change that does not come any more, after the last one. */
export const THE_END: Mutation = { kind: 'sync', file: '', offset: 0, bytes: undefined }

export function stateOf(moment: Moment, survivors: Survivors): State {
  const { kind, file } = moment.before
  const before = moment.before === THE_END ? 'the end' : `${kind} ${file}`.trim()
  const step = { point: moment.point, before, survived: survivors.label }
  return {
    floors: moment.floors,
    total: moment.total,
    disk: moment.disk.crash(survivors),
    crashes: [...moment.earlier, step],
    onlyKilled: moment.onlyKilled && survivors.mode === 'kill',
  }
}

/** How many commits must be there: the fewest, once the power has failed. */
export const floorOf = ({ floors, onlyKilled }: State): number => (onlyKilled ? floors.kill : floors.power)

/** Records a moment before each change and sync of a disk while it is on; `dutyOf` says what is known at each. */
export class MomentRecorder {
  readonly moments: Moment[] = []
  readonly fileSystem: WatchedFileSystem
  isOn = false
  readonly #disk: SimulatedFileSystem
  readonly #past: Pick<Moment, 'earlier' | 'onlyKilled'>
  readonly #dutyOf: () => Duty

  constructor(disk: SimulatedFileSystem, past: Pick<Moment, 'earlier' | 'onlyKilled'>, dutyOf: () => Duty) {
    this.#disk = disk
    this.#past = past
    this.#dutyOf = dutyOf
    this.fileSystem = new WatchedFileSystem(disk, (mutation) => this.record(mutation))
  }

  record(before: Mutation): void {
    if (!this.isOn) return
    const { earlier, onlyKilled } = this.#past
    const { floors, total } = this.#dutyOf()
    const point = this.moments.length + 1
    this.moments.push({ floors, total, disk: this.#disk.crash({ mode: 'kill' }), before, point, earlier, onlyKilled })
  }
}
