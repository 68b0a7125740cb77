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
 *   for (const choice of disk.crashStates()) restart(disk.crash(choice))
 *
 * `crash` does not touch the disk it is called on, so one moment gives many states, also while the
 * engine goes on. What it returns is a disk of its own, as large as this one, without the faults asked
 * for, on which `crashAfter` can be used again.
 *
 * INJECTED, by number; each by a call, and from a seed by `planFaults`, `drawDamage`
 * and `drawCrash` (simulated-plan.ts):
 *
 *   F1  F2     unsynced writes lost, in any order        crash
 *   F3  F4     torn at 512 or 4096; zeros, garbage       crash: tearBytes, missing
 *   F5  F6     size without data, data without size      crash: random, or size of a pick
 *   F7  F8     names not durable, or before the bytes    crash
 *   F9  F11    failing sync, directory sync, close       failNext
 *   F10        a sync that lies                          inject: lie
 *   F12        a failed write that left a part           failNext: doneBytes
 *   F13 F17    short writes and reads                    inject: short; shortWrites
 *   F14        no space for bytes or names, until freed  capacityBytes, filesMax, failNext: until
 *   F15        file too big, too many open, and so on    fileBytesMax, openFilesMax, readOnly, failNext
 *   F16        bad sectors, also until written again     failNext: range, until
 *   F18 F22    rot; files missing, cut, old, foreign     damage, contentOf, placeFile
 *   F19        a read that is good the second time       inject: flip
 *   F20 F21    misdirected and phantom transfers         inject: misdirect, phantom
 *   F23        slow syncs, done out of order             runtime, inject: slow
 *   F24 F25    crash at every change; kill, power cut    crashAfter, crash
 *
 * F10 and F18 to F22 break what the engine may assume, and so does F4 with `missingOver`: they test
 * that damage is found, not that nothing is lost. The second opener of F28 is `lock` being taken.
 *
 * NEVER INJECTED unless a caller asks: a sector that mixes two of its states, loss of what was synced,
 * a changed byte. NOT HERE: a clock that goes wrong (F26) is the runtime's, and the port promises that
 * it never goes back; exceptions between I/O (F27) and locks of dead processes (F28) are no disk's;
 * memory corruption no check of ours could tell.
 */
import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import { randomFrom } from '../common/random.ts'
import { Digest, digestAt, sum } from './digest.ts'
import type { File, FileSystem, OpenMode } from './file-system.ts'
import type { Runtime } from './runtime.ts'
import {
  type PendingChange,
  pickedSurvival,
  randomSurvival,
  type Survival,
  wholeSurvival,
} from './simulated-changes.ts'
import { SimulatedContent } from './simulated-content.ts'
import { type CrashState, type CrashStateOptions, crashStates } from './simulated-crash-states.ts'
import { type Damage, rot } from './simulated-damage.ts'
import { type SimulatedDisk, SimulatedFile, type SimulatedSync } from './simulated-file.ts'
import { SimulatedMachine } from './simulated-machine.ts'
import { SimulatedNames } from './simulated-names.ts'
import {
  type CrashChoice,
  checkCrashChoice,
  checkCrashStateOptions,
  checkDamage,
  checkSimulatedOptions,
  type Limits,
  type SimulatedOptions,
} from './simulated-options.ts'
import type { Call, Outcome } from './simulated-trace.ts'
import { type Errno, systemError } from './system-error.ts'

export { SimulatedCrash } from './simulated-machine.ts'
export type { CrashChoice, Limits, SimulatedOptions } from './simulated-options.ts'
export type { TraceEntry } from './simulated-trace.ts'

export class SimulatedFileSystem extends SimulatedMachine implements FileSystem {
  readonly location = 'simulated'
  capacityBytes: number
  filesMax: number
  fileBytesMax: number
  openFilesMax: number
  runtime: Runtime | undefined

  #names = new SimulatedNames()
  #sequence = 0
  #openFiles = 0
  #locked = false

  /** What the file handles may ask of the disk; not for its users. */
  readonly #disk: SimulatedDisk = {
    read: (name, content, target, offset) => this.#read(name, content, target, offset),
    size: (name, content) => {
      this.#look({ operation: 'size', file: name, offset: 0, length: 0 })
      return content.live.length
    },
    write: (name, content, source, offset) => this.#write(name, content, source, offset),
    truncate: (name, content, size) => this.#truncate(name, content, size),
    startSync: (name, content) => this.#startSync('sync', name, content),
    close: (name) => {
      this.#openFiles--
      if (!this.poweredOff) this.#look({ operation: 'close', file: name, offset: 0, length: 0 })
    },
  }

  /** @throws `INVALID_ARGUMENT` */
  constructor(options: SimulatedOptions = {}) {
    checkSimulatedOptions(options)
    super(options.seed ?? 1, options.shortWrites ?? false)
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
    this.filesMax = options.filesMax ?? Number.POSITIVE_INFINITY
    this.fileBytesMax = options.fileBytesMax ?? Number.POSITIVE_INFINITY
    this.openFilesMax = options.openFilesMax ?? Number.POSITIVE_INFINITY
    this.runtime = options.runtime
  }

  get writable(): boolean {
    return !this.readOnly
  }

  list(): string[] {
    this.#look({ operation: 'list', file: '', offset: 0, length: 0 })
    return this.#names.list()
  }

  open(name: string, mode: OpenMode): File {
    const existing = this.#names.get(name)
    const call: Call = { operation: 'open', file: name, offset: 0, length: 0, mode }
    const outcome = this.decide(call, this.#problemOfOpen(existing, mode))
    const content = mode === 'create' && happens(outcome) ? this.#names.create(name, this.#sequence++) : existing
    this.finish(outcome, call)
    this.#openFiles++
    return new SimulatedFile(this.#disk, name, content as SimulatedContent, mode !== 'read')
  }

  rename(from: string, to: string): void {
    const call: Call = { operation: 'rename', file: from, offset: 0, length: 0, to }
    const replaces = this.#names.get(to) !== undefined
    const outcome = this.decide(call, this.#problemOfName(from))
    if (happens(outcome)) this.#names.rename(from, to, this.#sequence++)
    this.finish(outcome, call)
    if (replaces) this.spaceFreed()
  }

  remove(name: string): void {
    const call: Call = { operation: 'remove', file: name, offset: 0, length: 0 }
    const outcome = this.decide(call, this.#problemOfName(name))
    if (happens(outcome)) this.#names.remove(name, this.#sequence++)
    this.finish(outcome, call)
    this.spaceFreed()
  }

  syncDirectory(): void {
    this.#startSync('syncDirectory', '', this.#names).complete()
  }

  async syncNames(): Promise<void> {
    const sync = this.#startSync('syncDirectory', '', this.#names)
    await sync.wait()
    sync.complete()
  }

  async lock(): Promise<() => void> {
    this.checkPower()
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

  /** Bit rot: flips one bit of the file, on disk and in the cache. Throws as `damage`. */
  flipBit(name: string, offset: number, bit: number): void {
    this.damage(name, { kind: 'bit', offset, bit })
  }

  /**
   * Damages a file at rest: no operation, no change that a crash could lose.
   * @throws `INVALID_ARGUMENT`, also when the name is not durable and the file should be cut or go missing; a missing
   * file's error as `open` does
   */
  damage(name: string, damage: Damage): void {
    checkDamage(damage, this.#existing(name).live.length)
    if (damage.kind === 'missing') {
      this.#checkAtRest(name)
      this.#names.lose(name)
    } else if (damage.kind === 'cut') this.placeFile(name, this.contentOf(name).subarray(0, damage.size))
    else rot(this.#existing(name), damage)
  }

  /** The bytes of a file as reads would give them; no operation. Throws as `open` when there is no such file. */
  contentOf(name: string): Uint8Array {
    const { live } = this.#existing(name)
    const bytes = new Uint8Array(live.length)
    live.read(bytes, 0, bytes.length, 0)
    return bytes
  }

  /**
   * Puts a file at rest in the place of what has the name, if anything: an old copy, another database's.
   * @throws `INVALID_ARGUMENT` when the name is not durable
   */
  placeFile(name: string, bytes: Uint8Array): void {
    this.#checkAtRest(name)
    this.#names.place(name, SimulatedContent.of(bytes))
  }

  /** Every change a power cut now could lose, oldest first. */
  pendingChanges(): PendingChange[] {
    return this.#names.pendingChanges()
  }

  /**
   * Every state that a power cut now could lead to, or a large choice of them: see simulated-crash-states.ts.
   * @throws `INVALID_ARGUMENT`
   */
  crashStates(options: CrashStateOptions = {}): Generator<CrashState> {
    checkCrashStateOptions(options)
    return crashStates(this.pendingChanges(), options)
  }

  /**
   * The disk as it is found after a crash at this moment; a number is the seed of a random one.
   * @throws `INVALID_ARGUMENT`
   */
  crash(choice: number | CrashChoice): SimulatedFileSystem {
    const wanted: CrashChoice = typeof choice === 'number' ? { mode: 'random', seed: choice } : choice
    checkCrashChoice(wanted)
    const { capacityBytes, filesMax, fileBytesMax, openFilesMax, shortWrites } = this
    const seed = wanted.mode === 'random' ? wanted.seed : this.seed
    const limits: Limits = { capacityBytes, filesMax, fileBytesMax, openFilesMax }
    const after = new SimulatedFileSystem({ seed, shortWrites, ...limits })
    if (wanted.mode === 'kill') {
      after.#names = this.#names.clone()
      after.#sequence = this.#sequence
    } else after.#names = this.#names.afterPowerCut(this.#survivalOf(wanted))
    return after
  }

  /**
   * A number that two disks share when they hold the same files: the same bytes for reads, the same
   * durable ones. How often a search meets a state again it tells by it (see digest.ts).
   */
  digest(): number {
    const digest = new Digest()
    this.#names.addTo(digest)
    return digest.value
  }

  /** The same of what reads give of one file. Throws as `open` when there is no such file. */
  digestOf(name: string): number {
    const { live } = this.#existing(name)
    return sum(live.digest, digestAt(0, live.length))
  }

  #survivalOf(choice: Exclude<CrashChoice, { mode: 'kill' }>): Survival {
    if (choice.mode === 'pick') return pickedSurvival(choice)
    if (choice.mode !== 'random') return wholeSurvival(choice.mode === 'all')
    const first = this.#names.firstPending(this.#sequence)
    return randomSurvival(randomFrom(choice.seed), first, this.#sequence, choice)
  }

  protected override sizes(): [name: string, size: number][] {
    return this.#names.list().map((name) => [name, this.#existing(name).live.length])
  }

  /** An operation that changes nothing. */
  #look(call: Call): void {
    this.finish(this.decide(call), call)
  }

  #read(name: string, content: SimulatedContent, target: Uint8Array, offset: number): number {
    const call: Call = { operation: 'read', file: name, offset, length: target.length }
    const possible = Math.max(0, Math.min(target.length, content.live.length - offset))
    const outcome = this.decide(call, undefined, possible)
    this.finish(outcome, call)
    const count = Math.min(outcome.count ?? possible, possible)
    if (outcome.toFile === undefined) content.live.read(target, 0, count, offset)
    else {
      target.fill(0, 0, count)
      this.#names.get(outcome.toFile)?.live.read(target, 0, count, outcome.toOffset ?? 0)
    }
    if (outcome.bit !== undefined) flip(target, outcome.bit)
    return count
  }

  #write(name: string, content: SimulatedContent, source: Uint8Array, offset: number): number {
    const call: Call = { operation: 'write', file: name, offset, length: source.length }
    const { end, problem } = this.#roomFor(content, offset + source.length)
    const possible = Math.max(0, Math.min(source.length, end - offset))
    const outcome = this.decide(call, possible === 0 && source.length > 0 ? problem : undefined, possible)
    const count = outcome.count ?? (happens(outcome) ? source.length : 0)
    if (count > 0) this.#put(name, content, source.subarray(0, count), offset, outcome)
    this.finish(outcome, call)
    return count
  }

  #put(name: string, content: SimulatedContent, bytes: Uint8Array, offset: number, outcome: Outcome): void {
    if (outcome.toFile === undefined) {
      content.write(name, this.#sequence++, bytes, offset, outcome.phantom)
      this.written(name, offset, bytes.length)
      return
    }
    const end = offset + bytes.length
    if (end > content.live.length) content.truncate(name, this.#sequence++, end)
    this.#names.get(outcome.toFile)?.overwrite(bytes, outcome.toOffset ?? 0)
  }

  #truncate(name: string, content: SimulatedContent, size: number): void {
    const call: Call = { operation: 'truncate', file: name, offset: size, length: 0 }
    const { end, problem } = this.#roomFor(content, size)
    const shrinks = size < content.live.length
    const outcome = this.decide(call, end < size ? problem : undefined)
    if (happens(outcome)) content.truncate(name, this.#sequence++, size)
    this.finish(outcome, call)
    if (shrinks) this.spaceFreed()
  }

  #startSync(operation: 'sync' | 'syncDirectory', name: string, synced: Synced): SimulatedSync {
    const call: Call = { operation, file: name, offset: 0, length: 0 }
    const outcome = this.decide(call)
    if (outcome.off === true) this.finish(outcome, call)
    const end = this.#sequence
    return {
      wait: () => this.#wait(outcome.delayMs),
      complete: () => {
        this.checkPower()
        if (outcome.dropped === true) synced.dropBefore(end)
        this.finish(outcome, call)
        if (outcome.lie !== true) synced.syncBefore(end)
      },
    }
  }

  async #wait(delayMs: number | undefined): Promise<void> {
    if (delayMs === undefined) return
    const { runtime } = this
    if (runtime === undefined) throw invalid('slow syncs need a runtime: give the disk one')
    await new Promise<void>((resolve) => runtime.after(delayMs, resolve))
  }

  #problemOfOpen(existing: SimulatedContent | undefined, mode: OpenMode): Errno | undefined {
    if (this.#openFiles >= this.openFilesMax) return 'EMFILE'
    if (mode !== 'create')
      return existing === undefined ? 'ENOENT' : mode === 'write' && this.readOnly ? 'EROFS' : undefined
    if (existing !== undefined) return 'EEXIST'
    return this.#names.count >= this.filesMax ? 'ENOSPC' : undefined
  }

  #problemOfName(name: string): Errno | undefined {
    return this.#names.get(name) === undefined ? 'ENOENT' : undefined
  }

  #existing(name: string): SimulatedContent {
    const content = this.#names.get(name)
    if (content === undefined) throw systemError('ENOENT', 'open', name)
    return content
  }

  #checkAtRest(name: string): void {
    if (this.#names.isPending(name)) throw invalid(`${name} is not at rest: its name is not durable`)
  }

  /** The size `content` can have, at most `wanted`, and what is in the way of more. */
  #roomFor(content: SimulatedContent, wanted: number): { readonly end: number; readonly problem?: Errno } {
    const size = content.live.length
    const capacity = this.capacityBytes
    if (wanted <= size || (wanted <= this.fileBytesMax && capacity === Number.POSITIVE_INFINITY)) return { end: wanted }
    const byCapacity = size + capacity - this.#names.usedBytes()
    const end = Math.max(size, Math.min(wanted, byCapacity, this.fileBytesMax))
    return { end, problem: byCapacity <= this.fileBytesMax ? 'ENOSPC' : 'EFBIG' }
  }
}

/** What a sync makes durable, as far as it was changed before the sequence number `end`: a file or the names. */
interface Synced {
  syncBefore(end: number): void
  dropBefore(end: number): void
}

/** Whether a change comes to pass. */
function happens({ off, errno, count }: Outcome): boolean {
  return off === true ? count === 1 : errno === undefined
}

function flip(bytes: Uint8Array, bit: number): void {
  const index = bit >>> 3
  if (index < bytes.length) bytes[index] = (bytes[index] as number) ^ (1 << (bit & 7))
}
