/**
 * A simulated disk for crash tests. It keeps what the engine sees (live) apart from what a power cut
 * would leave (durable), for the bytes of each file and for the names of the directory, and from the
 * changes between the two it makes any number of crash states. Deterministic: the same calls with the
 * same seed give the same states.
 *
 *   const disk = new SimulatedFileSystem({ seed: 1 })
 *   disk.crashAfter(100)                    // the hundredth change from now is the last, perhaps torn
 *   ... run the engine until disk.poweredOff, and drop it ...
 *   for (const seed of seeds) restart(disk.crash(seed))
 *
 * `crash` does not touch the disk it is called on, so one moment gives many states, also while the
 * engine goes on. What it returns is a disk of its own, on which `crashAfter` can be used again.
 *
 * INJECTED (numbers of faults.md): unsynced writes lost (F1) and reordered (F2); torn at sectors: a
 * prefix, a suffix, holes (F3), the missing ones keeping their old content, or zeros past the old end
 * (F4); size without data and data without size (F5, F6); names not durable (F7, F8); a failed sync
 * that drops the pages (F9); failing directory syncs (F11); short writes (F13); a full disk (F14);
 * any error number on any operation, once, several times or for good (F15, F16); bit rot (F18); crash
 * at every change and again during restart (F24); process kill and power cut (F25).
 *
 * NOT YET: garbage in missing sectors (F4), a lying sync (F10), a failed write that left a part (F12),
 * short and transient bad reads (F17, F19), misdirected reads and writes (F20, F21), sync completions
 * out of order (F23). Most test detection rather than recovery; they hook in where the faults here do.
 * Files missing or of another instance (F22) a test makes with `remove`, `rename` and `writeAt`.
 *
 * NEVER INJECTED: a sector that mixes two of its states, loss of what was synced, a changed byte that
 * nobody asked for. The engine is entitled to rely on these.
 */
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import { type Random, randomBelow, randomFrom } from '../common/random.ts'
import type { File, FileSystem, OpenMode } from './file-system.ts'
import { compareNames } from './names.ts'
import {
  type PendingChange,
  type PendingName,
  pickedSurvival,
  randomSurvival,
  type Survival,
  wholeSurvival,
} from './simulated-changes.ts'
import { SimulatedContent } from './simulated-content.ts'
import { type Fault, type FaultOptions, FaultRules, type OperationKind } from './simulated-faults.ts'
import { type SimulatedDisk, SimulatedFile } from './simulated-file.ts'
import { systemError } from './system-error.ts'

/**
 * The machine is off. `ioError` wraps it as any other failure, so an engine may report it as the
 * `cause` of an `IO_ERROR` or `DB_FAILED`; whether the machine is off `poweredOff` tells for certain.
 * An engine that met it is to be dropped.
 */
export class SimulatedCrash extends Error {
  constructor() {
    super('the simulated machine is off')
    this.name = 'SimulatedCrash'
  }
}

/**
 * How a disk crashes. `kill` is the death of the process: all stays, unsynced changes stay pending.
 * The others are power cuts that keep of the unsynced changes: all, none, what a seed draws, or what
 * `keep` says for each part (see simulated-changes.ts).
 */
export type CrashChoice =
  | { readonly mode: 'kill' }
  | { readonly mode: 'all' }
  | { readonly mode: 'none' }
  | { readonly mode: 'random'; readonly seed: number }
  | { readonly mode: 'pick'; readonly keep: (change: PendingChange, part: number) => boolean }

export interface SimulatedOptions {
  /** Seed of short writes and of what is left of the change at a crash. Default 1. */
  readonly seed?: number
  /** Most bytes all files may have together; growth beyond fails with ENOSPC. Default unlimited. */
  readonly capacityBytes?: number
  /** Makes about every fourth write transfer only a part, without an error. Default false. */
  readonly shortWrites?: boolean
}

export interface TraceEntry {
  readonly operation: OperationKind
  readonly file: string
  readonly offset: number
  readonly length: number
}

interface NameChange extends PendingName {
  readonly content: SimulatedContent
}

export class SimulatedFileSystem implements FileSystem {
  readonly location = 'simulated'
  /** Set it to make the directory read-only: changes fail with EROFS. */
  readOnly = false
  capacityBytes: number
  shortWrites: boolean
  /** Set it to an array to have every operation recorded there. */
  trace: TraceEntry[] | undefined
  /** Operations so far, failed ones included. */
  operations = 0
  /** Operations so far that change something or sync: the points at which `crashAfter` can strike. */
  mutations = 0

  readonly #seed: number
  readonly #random: Random
  readonly #faults = new FaultRules()
  #crashAtMutation = Infinity
  #poweredOff = false
  #locked = false
  #sequence = 0
  #live = new Map<string, SimulatedContent>()
  #durable = new Map<string, SimulatedContent>()
  #pendingNames: NameChange[] = []

  /** What the file handles may ask of the disk; not for its users. */
  readonly #disk: SimulatedDisk = {
    read: (name, content, target, start, length, offset) => {
      this.#begin('read', name, offset, length)
      return content.live.read(target, start, length, offset)
    },
    size: (content) => {
      this.#checkPower()
      return content.live.length
    },
    write: (name, content, source, offset) => this.#write(name, content, source, offset),
    truncate: (name, content, size) => this.#truncate(name, content, size),
    startSync: (name, content) => this.#startSync(name, content),
  }

  constructor(options: SimulatedOptions = {}) {
    this.#seed = options.seed ?? 1
    this.#random = randomFrom(this.#seed)
    this.capacityBytes = options.capacityBytes ?? Infinity
    this.shortWrites = options.shortWrites ?? false
  }

  get writable(): boolean {
    return !this.readOnly
  }

  /** Whether `crashAfter` has struck. */
  get poweredOff(): boolean {
    return this.#poweredOff
  }

  list(): string[] {
    this.#checkPower()
    return [...this.#live.keys()].sort(compareNames)
  }

  open(name: string, mode: OpenMode): File {
    const existing = this.#live.get(name)
    if (mode !== 'create') {
      this.#begin('open', name, 0, 0)
      if (existing === undefined) throw systemError('ENOENT', 'open', name)
      if (mode === 'write' && this.readOnly) throw systemError('EROFS', 'open', name)
      return new SimulatedFile(this.#disk, name, existing, mode === 'write')
    }
    const problem = existing === undefined ? undefined : systemError('EEXIST', 'create', name)
    const dying = this.#beginMutation('open', name, 0, 0, problem)
    const content = new SimulatedContent()
    if (!dying || this.#random() < 0.5) {
      this.#live.set(name, content)
      this.#pendingNames.push({ kind: 'create', sequence: this.#sequence++, file: name, content })
    }
    if (dying) throw new SimulatedCrash()
    return new SimulatedFile(this.#disk, name, content, true)
  }

  rename(from: string, to: string): void {
    const content = this.#live.get(from)
    const problem = content === undefined ? systemError('ENOENT', 'rename', from) : undefined
    const dying = this.#beginMutation('rename', from, 0, 0, problem)
    if (content !== undefined && (!dying || this.#random() < 0.5)) {
      this.#live.delete(from)
      this.#live.set(to, content)
      this.#pendingNames.push({ kind: 'rename', sequence: this.#sequence++, file: from, to, content })
    }
    if (dying) throw new SimulatedCrash()
  }

  remove(name: string): void {
    const content = this.#live.get(name)
    const problem = content === undefined ? systemError('ENOENT', 'remove', name) : undefined
    const dying = this.#beginMutation('remove', name, 0, 0, problem)
    if (content !== undefined && (!dying || this.#random() < 0.5)) {
      this.#live.delete(name)
      this.#pendingNames.push({ kind: 'remove', sequence: this.#sequence++, file: name, content })
    }
    if (dying) throw new SimulatedCrash()
  }

  syncDirectory(): void {
    if (this.#beginMutation('syncDirectory', '', 0, 0)) throw new SimulatedCrash()
    this.#durable = new Map(this.#live)
    this.#pendingNames = []
  }

  async lock(): Promise<() => void> {
    this.#checkPower()
    if (this.#locked) {
      throw new AriesError('DB_LOCKED', `${this.location} is open already; close that handle first`)
    }
    this.#locked = true
    let held = true
    return () => {
      if (held) this.#locked = false
      held = false
    }
  }

  /**
   * Turns the machine off at the `count`-th mutation from now (1 is the next): it happens in part or
   * not at all, and it and every later call throw `SimulatedCrash`.
   */
  crashAfter(count: number): void {
    assert(count >= 1, 'a crash lies ahead')
    this.#crashAtMutation = this.mutations + count
  }

  /** Makes a coming operation of this kind fail. */
  failNext(kind: OperationKind, options: FaultOptions): void {
    this.#faults.add(kind, options)
  }

  /** Takes back every `failNext`. */
  clearFaults(): void {
    this.#faults.clear()
  }

  /** Bit rot: flips one bit of the file, on disk and in the cache. */
  flipBit(name: string, offset: number, bit: number): void {
    const content = this.#live.get(name)
    assert(content !== undefined, 'flipped bit of a missing file')
    content.live.flipBit(offset, bit)
    if (offset < content.durable.length) content.durable.flipBit(offset, bit)
  }

  /** Every change a power cut now could lose, oldest first. */
  pendingChanges(): PendingChange[] {
    const contents = new Set([...this.#live.values(), ...this.#durable.values()])
    const changes: PendingChange[] = [...this.#pendingNames]
    for (const content of contents) changes.push(...content.pending)
    return changes.sort((a, b) => a.sequence - b.sequence)
  }

  /** The disk as it is found after a crash at this moment; a number is the seed of a random one. */
  crash(choice: number | CrashChoice): SimulatedFileSystem {
    const wanted: CrashChoice = typeof choice === 'number' ? { mode: 'random', seed: choice } : choice
    const seed = wanted.mode === 'random' ? wanted.seed : this.#seed
    const after = new SimulatedFileSystem({ seed, capacityBytes: this.capacityBytes, shortWrites: this.shortWrites })
    if (wanted.mode === 'kill') this.#copyTo(after)
    else this.#cutPowerTo(after, this.#survivalOf(wanted))
    return after
  }

  #survivalOf(choice: Exclude<CrashChoice, { mode: 'kill' }>): Survival {
    if (choice.mode === 'pick') return pickedSurvival(choice.keep)
    if (choice.mode !== 'random') return wholeSurvival(choice.mode === 'all')
    let first = this.#pendingNames[0]?.sequence ?? this.#sequence
    for (const content of new Set([...this.#live.values(), ...this.#durable.values()])) {
      first = Math.min(first, content.pending[0]?.sequence ?? first)
    }
    return randomSurvival(randomFrom(choice.seed), first, this.#sequence)
  }

  #copyTo(after: SimulatedFileSystem): void {
    const copies = new Map<SimulatedContent, SimulatedContent>()
    const copyOf = (content: SimulatedContent): SimulatedContent => {
      const copy = copies.get(content) ?? content.clone()
      copies.set(content, copy)
      return copy
    }
    for (const [name, content] of this.#live) after.#live.set(name, copyOf(content))
    for (const [name, content] of this.#durable) after.#durable.set(name, copyOf(content))
    after.#pendingNames = this.#pendingNames.map((change) => ({ ...change, content: copyOf(change.content) }))
    after.#sequence = this.#sequence
  }

  #cutPowerTo(after: SimulatedFileSystem, survival: Survival): void {
    const names = new Map(this.#durable)
    for (const change of this.#pendingNames) replayName(names, change, survival)
    for (const [name, content] of names) after.#live.set(name, content.afterPowerCut(survival))
    after.#durable = new Map(after.#live)
  }

  #write(name: string, content: SimulatedContent, source: Uint8Array, offset: number): number {
    const room = this.#roomFor(content, offset + source.length) - offset
    const problem = room <= 0 && source.length > 0 ? systemError('ENOSPC', 'write', name) : undefined
    const dying = this.#beginMutation('write', name, offset, source.length, problem)
    let count = Math.max(0, Math.min(source.length, room))
    if (dying) count = randomBelow(this.#random, count + 1)
    else if (this.shortWrites && this.#random() < 0.25) count = Math.max(1, randomBelow(this.#random, count))
    if (count > 0) content.write(name, this.#sequence++, source.slice(0, count), offset)
    if (dying) throw new SimulatedCrash()
    return count
  }

  #truncate(name: string, content: SimulatedContent, size: number): void {
    const problem = this.#roomFor(content, size) < size ? systemError('ENOSPC', 'truncate', name) : undefined
    const dying = this.#beginMutation('truncate', name, size, 0, problem)
    if (problem === undefined && (!dying || this.#random() < 0.5)) content.truncate(name, this.#sequence++, size)
    if (dying) throw new SimulatedCrash()
  }

  #startSync(name: string, content: SimulatedContent): () => void {
    const fault = this.#count('sync', name, 0, 0, true)
    this.#checkPower()
    const end = this.#sequence
    return () => {
      this.#checkPower()
      if (fault === undefined) return content.syncBefore(end)
      if (fault.dropPages) content.dropBefore(end)
      throw fault.error
    }
  }

  /** The size `content` can have, at most `wanted`, before the disk is full. */
  #roomFor(content: SimulatedContent, wanted: number): number {
    const size = content.live.length
    if (wanted <= size || this.capacityBytes === Infinity) return wanted
    let used = 0
    for (const other of this.#live.values()) used += other.live.length
    return Math.min(wanted, Math.max(size, size + this.capacityBytes - used))
  }

  /** Counts an operation that changes nothing; throws what it is to fail with. */
  #begin(operation: OperationKind, file: string, offset: number, length: number): void {
    const fault = this.#count(operation, file, offset, length, false)
    if (fault !== undefined) throw fault.error
  }

  /**
   * Counts a change; true when it is the one the machine dies in. Otherwise throws what it is to fail
   * with: a fault, or the `problem` that the caller found.
   */
  #beginMutation(operation: OperationKind, file: string, offset: number, length: number, problem?: Error): boolean {
    const fault = this.#count(operation, file, offset, length, true)
    if (this.#poweredOff) return true
    if (fault !== undefined) throw fault.error
    if (this.readOnly && operation !== 'syncDirectory') throw systemError('EROFS', operation, file)
    if (problem !== undefined) throw problem
    return false
  }

  #count(operation: OperationKind, file: string, offset: number, length: number, mutates: boolean): Fault | undefined {
    this.#checkPower()
    this.operations++
    this.trace?.push({ operation, file, offset, length })
    if (mutates && ++this.mutations >= this.#crashAtMutation) this.#poweredOff = true
    return this.#faults.take(operation, file)
  }

  #checkPower(): void {
    if (this.#poweredOff) throw new SimulatedCrash()
  }
}

/** Replays what survives of a change of names; a name that is another file's by now is let be. */
function replayName(names: Map<string, SimulatedContent>, change: NameChange, survival: Survival): void {
  const survives = survival.of(change)
  if (!survives(0)) return
  if (change.kind === 'create') names.set(change.file, change.content)
  if (change.kind === 'rename') names.set(change.to as string, change.content)
  const goes = change.kind === 'remove' || (change.kind === 'rename' && survives(1))
  if (goes && names.get(change.file) === change.content) names.delete(change.file)
}
