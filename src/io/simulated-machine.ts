/**
 * The machine that the simulated disk is in: it counts operations, decides what becomes of each, and
 * can be turned off. `decide` is the one place where chance and faults come in; what it returns, an
 * `Outcome`, leaves nothing open, so recording the outcomes records the run, and replaying them
 * repeats it (simulated-trace.ts).
 *
 * ORDER OF DECISION for an operation: a replayed trace; the crash asked for by `crashAfter`; a rule of
 * `failNext` or `inject` that gives an error; a read-only disk; a problem that the disk found itself
 * (no such file, no room); another effect of a rule; a short transfer by chance.
 */
import { inRange } from '../common/options.ts'
import { type Random, randomBelow, randomFrom } from '../common/random.ts'
import { pickOne } from './simulated-changes.ts'
import { type FaultEffect, type FaultMatch, type FaultOptions, FaultRules } from './simulated-faults.ts'
import { checkFault, checkFaultOptions } from './simulated-options.ts'
import type { Call, OperationKind, Outcome, TraceEntry, TraceReplay } from './simulated-trace.ts'
import { type Errno, systemError } from './system-error.ts'

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

const WELL: Outcome = Object.freeze({})

/** The operations that change something or sync: the points at which `crashAfter` can strike. */
const MUTATIONS: ReadonlySet<OperationKind> = new Set([
  'write',
  'truncate',
  'sync',
  'rename',
  'remove',
  'syncDirectory',
])
/** Of those, the ones that a read-only file system refuses. */
const CHANGES: ReadonlySet<OperationKind> = new Set(['write', 'truncate', 'rename', 'remove'])

export abstract class SimulatedMachine {
  /** Set it to make the directory read-only: changes fail with EROFS. */
  readOnly = false
  /** Makes about every fourth write transfer only a part, without an error. */
  shortWrites: boolean
  /** Set it to an array to have every operation recorded there. */
  trace: TraceEntry[] | undefined
  /** Set it to have the outcomes of a trace come back instead of faults, chance and `crashAfter`. */
  replaying: TraceReplay | undefined
  /** Operations so far, failed ones included. */
  operations = 0
  /** Operations so far that change something or sync: the points at which `crashAfter` can strike. */
  mutations = 0
  /** The operations that a rule of `failNext` or `inject` hit, oldest first. */
  readonly faultsHit: TraceEntry[] = []

  protected readonly seed: number
  readonly #random: Random
  readonly #rules = new FaultRules()
  #crashAtMutation = Number.POSITIVE_INFINITY
  #poweredOff = false

  protected constructor(seed: number, shortWrites: boolean) {
    this.seed = seed
    this.shortWrites = shortWrites
    this.#random = randomFrom(seed)
  }

  /** Whether `crashAfter` has struck. */
  get poweredOff(): boolean {
    return this.#poweredOff
  }

  /**
   * Turns the machine off at the `count`-th mutation from now (1 is the next): it happens in part or
   * not at all, and it and every later call throw `SimulatedCrash`. `Infinity` takes it back.
   * @throws `INVALID_ARGUMENT`
   */
  crashAfter(count: number): void {
    this.#crashAtMutation = this.mutations + inRange('crashAfter', count, 1, Number.POSITIVE_INFINITY)
  }

  /** Makes a coming operation of this kind fail. @throws `INVALID_ARGUMENT` */
  failNext(kind: OperationKind, options: FaultOptions): void {
    checkFaultOptions(kind, options)
    this.#rules.add(kind, { effect: 'error', ...options }, options)
  }

  /** Makes something happen to a coming operation of this kind: see simulated-faults.ts. @throws `INVALID_ARGUMENT` */
  inject(kind: OperationKind, effect: FaultEffect, match: FaultMatch = {}): void {
    checkFault(kind, effect, match)
    this.#rules.add(kind, effect, match)
  }

  /** Takes back every `failNext` and `inject`. */
  clearFaults(): void {
    this.#rules.clear()
  }

  /** The files and their sizes, for faults that lead elsewhere. */
  protected abstract sizes(): [name: string, size: number][]

  /**
   * Counts an operation and decides what becomes of it. Throws when the machine is off. Of an outcome
   * with `off` or `errno` the caller does the part that happened and then calls `finish`.
   *
   * @param problem what the disk itself has against it
   * @param possible how many bytes can be transferred; of another change 1
   */
  protected decide(call: Call, problem?: Errno, possible = 1): Outcome {
    this.checkPower()
    this.operations++
    const mutates = MUTATIONS.has(call.operation) || call.mode === 'create'
    if (mutates) this.mutations++
    const outcome = this.#replayed(call, problem) ?? this.#decided(call, mutates, problem, possible)
    if (outcome.off === true) this.#poweredOff = true
    this.trace?.push(outcome === WELL ? call : { ...call, outcome })
    return outcome
  }

  /** Throws what an operation ends with, if it does not end well. */
  protected finish(outcome: Outcome, { operation, mode, file }: Call): void {
    if (outcome.off === true) throw new SimulatedCrash()
    if (outcome.errno !== undefined) throw systemError(outcome.errno, mode === 'create' ? mode : operation, file)
  }

  protected checkPower(): void {
    if (this.#poweredOff) throw new SimulatedCrash()
  }

  protected spaceFreed(): void {
    this.#rules.spaceFreed()
  }

  protected written(file: string, offset: number, length: number): void {
    this.#rules.written(file, offset, length)
  }

  #replayed(call: Call, problem: Errno | undefined): Outcome | undefined {
    if (this.replaying === undefined) return undefined
    const outcome = this.replaying.next(call)
    if (problem !== undefined && outcome.errno === undefined && outcome.off === undefined) {
      throw this.replaying.divergence(call, `it went well in the trace, now ${problem} is in its way`)
    }
    return outcome
  }

  #decided(call: Call, mutates: boolean, problem: Errno | undefined, possible: number): Outcome {
    if (mutates && this.mutations >= this.#crashAtMutation) return this.#dying(call, problem, possible)
    const effect = this.#rules.take(call)
    const outcome =
      effect === undefined ? this.#natural(call, problem, possible) : this.#hit(effect, call, problem, possible)
    if (effect !== undefined) this.faultsHit.push({ ...call, outcome })
    return outcome
  }

  /** The machine dies: a write happens in part, another change as a whole or not at all. */
  #dying({ operation }: Call, problem: Errno | undefined, possible: number): Outcome {
    if (operation === 'sync' || operation === 'syncDirectory') return { off: true }
    if (operation === 'write') return { off: true, count: randomBelow(this.#random, possible + 1) }
    return { off: true, count: problem === undefined && this.#random() < 0.5 ? 1 : 0 }
  }

  /** No rule has to do with it. */
  #natural({ operation, mode, length }: Call, problem: Errno | undefined, possible: number): Outcome {
    if (this.readOnly && (CHANGES.has(operation) || mode === 'create')) return { errno: 'EROFS' }
    if (problem !== undefined) return { errno: problem }
    if (operation !== 'write') return WELL
    const short = this.shortWrites && possible > 0 && this.#random() < 0.25
    const count = short ? Math.max(1, randomBelow(this.#random, possible)) : possible
    return count < length ? { count } : WELL
  }

  #hit(effect: FaultEffect, call: Call, problem: Errno | undefined, possible: number): Outcome {
    if (effect.effect === 'error') return this.#failing(effect, call, possible)
    const natural = this.#natural(call, problem, possible)
    if (natural.errno !== undefined) return natural
    switch (effect.effect) {
      case 'short': {
        const count = effect.bytes ?? 1 + randomBelow(this.#random, possible - 1)
        return possible <= 1 ? natural : { count: Math.max(1, Math.min(count, possible - 1)) }
      }
      case 'lie':
        return { lie: true }
      case 'slow':
        return { delayMs: effect.delayMs + (effect.spreadMs ?? 0) * this.#random() }
      case 'flip':
        return possible === 0 ? natural : { bit: effect.bit ?? randomBelow(this.#random, possible * 8) }
      case 'misdirect':
        return { ...natural, ...this.#elsewhere(effect, call) }
      case 'phantom':
        return { ...natural, phantom: true }
    }
  }

  #failing(effect: FaultEffect & { effect: 'error' }, { operation }: Call, possible: number): Outcome {
    const { errno, dropPages = true, doneBytes = 0 } = effect
    if (operation === 'sync' || operation === 'syncDirectory') return dropPages ? { errno, dropped: true } : { errno }
    if (operation !== 'write' || doneBytes === 0) return { errno }
    const count = doneBytes === 'random' ? randomBelow(this.#random, possible + 1) : doneBytes
    return { errno, count: Math.min(count, possible) }
  }

  /** Where a misdirected transfer goes: a place that is there, or, if no other is, the end of the file. */
  #elsewhere(effect: FaultEffect & { effect: 'misdirect' }, call: Call): Outcome {
    const sizes = this.sizes()
    const others = sizes.filter(([name, size]) => name !== call.file && size > 0)
    const drawn = effect.otherFile === true && others.length > 0 ? pickOne(this.#random, others)[0] : call.file
    const toFile = effect.toFile ?? drawn
    const size = sizes.find(([name]) => name === toFile)?.[1] ?? 0
    const { alignBytes = 4096 } = effect
    const places: number[] = []
    for (let offset = 0; offset < size; offset += alignBytes) {
      if (toFile !== call.file || offset !== call.offset) places.push(offset)
    }
    const toOffset = places.length === 0 ? size : pickOne(this.#random, places)
    return { toFile, toOffset: effect.toOffset ?? toOffset }
  }
}
