/**
 * One machine with several disks, each with a database of its own. Its moments are recorded, one before
 * every change and sync of any of the disks; a crash at a moment strikes all disks at once, and each keeps
 * of its unsynced changes what its own choice says.
 */
import { type Database, open } from '../../src/index.ts'
import { type CrashChoice, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { WatchedFileSystem } from '../watched-file-system.ts'

/** The disks as they are at a crash, and how much had been acknowledged then. */
export interface Moment {
  readonly disks: readonly SimulatedFileSystem[]
  readonly acknowledged: number
}

export class Machine {
  readonly disks: readonly SimulatedFileSystem[]
  readonly moments: Moment[] = []
  isRecording = false
  acknowledged = 0

  constructor(disks: readonly SimulatedFileSystem[]) {
    this.disks = disks
  }

  static withDisks(count: number): Machine {
    return new Machine(Array.from({ length: count }, () => new SimulatedFileSystem()))
  }

  /** The machine that comes up after a crash at `moment`. */
  static after({ disks, acknowledged }: Moment, choices: readonly CrashChoice[]): Machine {
    const machine = new Machine(disks.map((disk, i) => disk.crash(choices[i % choices.length] as CrashChoice)))
    machine.acknowledged = acknowledged
    return machine
  }

  /** The same for machines of which the same must be true. */
  get digest(): string {
    return [...this.disks.map((disk) => disk.digest()), this.acknowledged].join()
  }

  /** Opens the databases of all disks, one after the other. */
  async open(): Promise<Database[]> {
    const databases: Database[] = []
    for (const disk of this.disks) {
      const isNew = !disk.list().includes('master')
      databases.push(
        await open(new WatchedFileSystem(disk, () => this.record()), {
          runtime: new SimulatedRuntime(1),
          createIfMissing: true,
          poolBytes: 32 * 4096,
          ...(isNew ? { pageSize: 4096, segmentBytes: 65_536 } : {}),
        }),
      )
    }
    return databases
  }

  record(): void {
    if (!this.isRecording) return
    const disks = this.disks.map((disk) => disk.crash({ mode: 'kill' }))
    this.moments.push({ disks, acknowledged: this.acknowledged })
  }
}
