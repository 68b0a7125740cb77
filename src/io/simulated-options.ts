/**
 * What a test can ask of the simulated disk, and whether it makes sense: a misspelt fault that never comes, or
 * a crash of a manner that does not exist, would make a test pass that tests nothing. The checks throw
 * `INVALID_ARGUMENT`.
 */
import { checkOptions, flagOf, inRange, invalid, type OptionNames, oneOf, wholeNumber } from '../common/options.ts'
import { checkRuntime, type Runtime } from './runtime.ts'
import type { MissingContent, Pick, TearBytes, Tearing } from './simulated-changes.ts'
import type { CrashState, CrashStateOptions } from './simulated-crash-states.ts'
import type { Damage } from './simulated-damage.ts'
import type { ErrorEffect, FaultEffect, FaultMatch, FaultOptions } from './simulated-faults.ts'
import { OPERATION_KINDS, type OperationKind } from './simulated-trace.ts'
import { ERRNOS } from './system-error.ts'

/**
 * How a disk crashes. `kill` is the death of the process: all stays, unsynced changes stay pending.
 * The others are power cuts that keep of the unsynced changes: all, none, what a seed draws, or what
 * `keep` says for each part (see simulated-changes.ts).
 */
export type CrashChoice =
  | { readonly mode: 'kill' }
  | { readonly mode: 'all' }
  | { readonly mode: 'none' }
  | ({ readonly mode: 'random'; readonly seed: number } & Tearing)
  | ({ readonly mode: 'pick' } & Pick)

/** How much there is room for; one file more or byte more fails. */
export interface Limits {
  /** Most bytes all files may have together: ENOSPC. Default unlimited, as all of these. */
  readonly capacityBytes?: number
  /** Most files: ENOSPC when one is created. */
  readonly filesMax?: number
  /** Most bytes of one file: EFBIG. */
  readonly fileBytesMax?: number
  /** Most files open at a time: EMFILE. */
  readonly openFilesMax?: number
}

export interface SimulatedOptions extends Limits {
  /** Seed of short writes, of faults and of what is left of the change at a crash. Default 1. */
  readonly seed?: number
  /** Makes about every fourth write transfer only a part, without an error. Default false. */
  readonly shortWrites?: boolean
  /** Whose clock slow syncs go by. */
  readonly runtime?: Runtime
}

const LIMITS: OptionNames<Limits> = { capacityBytes: true, filesMax: true, fileBytesMax: true, openFilesMax: true }
const OPTIONS: OptionNames<SimulatedOptions> = { ...LIMITS, seed: true, shortWrites: true, runtime: true }

export function checkSimulatedOptions(options: SimulatedOptions): void {
  checkOptions('SimulatedFileSystem', options, OPTIONS)
  const { seed, shortWrites, runtime } = options
  if (seed !== undefined) checkSeed(seed)
  if (shortWrites !== undefined) flagOf('shortWrites', shortWrites)
  if (runtime !== undefined) checkRuntime(runtime)
  for (const name of Object.keys(LIMITS) as (keyof Limits)[]) {
    const limit = options[name]
    if (limit !== undefined) inRange(name, limit, 0, Number.POSITIVE_INFINITY)
  }
}

function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed)) throw invalid(`seed must be a whole number, got ${String(seed)}`)
}

const TEAR_BYTES: readonly TearBytes[] = [512, 4096]
const MISSING: readonly MissingContent[] = ['old', 'zeros', 'garbage']
const TEARING: OptionNames<Tearing> = { tearBytes: true, missing: true, missingOver: true }
const CRASH_STATE_OPTIONS: OptionNames<CrashStateOptions> = { ...TEARING, seed: true, samples: true }
const MODES: readonly CrashChoice['mode'][] = ['kill', 'all', 'none', 'random', 'pick']
const CHOICE: OptionNames<CrashState & { seed: number }> = {
  ...TEARING,
  mode: true,
  seed: true,
  keep: true,
  size: true,
  label: true,
}

function checkTearing({ tearBytes, missing, missingOver }: Tearing): void {
  if (tearBytes !== undefined) oneOf('tearBytes', tearBytes, TEAR_BYTES)
  if (missing !== undefined) oneOf('missing', missing, MISSING)
  if (missingOver !== undefined) checkPattern('missingOver', missingOver)
}

function checkPattern(name: string, pattern: RegExp): void {
  if (!(pattern instanceof RegExp)) throw invalid(`${name} must be a regular expression, got ${String(pattern)}`)
}

export function checkCrashStateOptions(options: CrashStateOptions): void {
  checkOptions('crashStates', options, CRASH_STATE_OPTIONS)
  checkTearing(options)
  if (options.seed !== undefined) checkSeed(options.seed)
  if (options.samples !== undefined) wholeNumber('samples', options.samples, 0)
}

export function checkCrashChoice(choice: CrashChoice): void {
  checkOptions<object>('crash', choice, CHOICE)
  oneOf('the mode of a crash', choice.mode, MODES)
  if (choice.mode === 'random') checkSeed(choice.seed)
  if (choice.mode === 'pick') checkPick(choice)
  if (choice.mode === 'random' || choice.mode === 'pick') checkTearing(choice)
}

function checkPick({ keep, size }: Pick): void {
  if (typeof keep !== 'function') throw invalid('a crash of mode pick needs a function keep')
  if (size !== undefined && typeof size !== 'function') throw invalid('size of a crash must be a function')
}

const ERROR_EFFECT: OptionNames<ErrorEffect> = { errno: true, dropPages: true, doneBytes: true }
const MATCH: OptionNames<FaultMatch> = {
  times: true,
  file: true,
  skip: true,
  mode: true,
  range: true,
  until: true,
}
const FAULT_OPTIONS: OptionNames<FaultOptions> = { ...ERROR_EFFECT, ...MATCH }

interface EffectShape {
  /** Which operations it can come to. */
  readonly kinds: readonly OperationKind[]
  readonly names: Readonly<Record<string, true>>
}

const EFFECTS: Readonly<Record<FaultEffect['effect'], EffectShape>> = {
  error: { kinds: OPERATION_KINDS, names: ERROR_EFFECT },
  short: { kinds: ['read', 'write'], names: { bytes: true } },
  lie: { kinds: ['sync', 'syncDirectory'], names: {} },
  slow: { kinds: ['sync'], names: { delayMs: true, spreadMs: true } },
  flip: { kinds: ['read'], names: { bit: true } },
  misdirect: {
    kinds: ['read', 'write'],
    names: { toFile: true, otherFile: true, toOffset: true, alignBytes: true },
  },
  phantom: { kinds: ['write'], names: {} },
}

export function checkFaultOptions(kind: OperationKind, options: FaultOptions): void {
  oneOf('the operation', kind, OPERATION_KINDS)
  checkOptions('failNext', options, FAULT_OPTIONS)
  checkError(options)
  checkMatch(options)
}

export function checkFault(kind: OperationKind, effect: FaultEffect, match: FaultMatch): void {
  oneOf('the operation', kind, OPERATION_KINDS)
  oneOf('the effect', effect?.effect, Object.keys(EFFECTS))
  const { kinds, names } = EFFECTS[effect.effect]
  if (!kinds.includes(kind)) throw invalid(`the effect ${effect.effect} comes to ${kinds.join(', ')}, not to ${kind}`)
  checkOptions<object>(`the effect ${effect.effect}`, effect, { effect: true, ...names })
  if (effect.effect === 'error') checkError(effect)
  if (effect.effect === 'slow') inRange('delayMs', effect.delayMs, 0, Number.POSITIVE_INFINITY)
  for (const [name, value] of Object.entries(effect)) {
    if (typeof value === 'number') inRange(name, value, 0, Number.POSITIVE_INFINITY)
  }
  checkOptions('a fault', match, MATCH)
  checkMatch(match)
}

function checkError({ errno, dropPages, doneBytes }: ErrorEffect): void {
  oneOf('errno', errno, ERRNOS)
  if (dropPages !== undefined) flagOf('dropPages', dropPages)
  if (doneBytes !== undefined && doneBytes !== 'random') wholeNumber('doneBytes', doneBytes, 0)
}

function checkMatch({ times, file, skip, mode, range, until }: FaultMatch): void {
  if (times !== undefined) inRange('times', times, 0, Number.POSITIVE_INFINITY)
  if (file !== undefined) checkPattern('file', file)
  if (skip !== undefined) wholeNumber('skip', skip, 0)
  if (mode !== undefined) oneOf('mode', mode, ['read', 'write', 'create'])
  if (until !== undefined) oneOf('until', until, ['spaceFreed', 'overwritten'])
  if (range !== undefined) {
    inRange('the offset of range', range?.offset, 0, Number.POSITIVE_INFINITY)
    inRange('the length of range', range?.length, 0, Number.POSITIVE_INFINITY)
  }
  if (until === 'overwritten' && range === undefined) throw invalid('only a range can be overwritten')
}

const DAMAGES: readonly Damage['kind'][] = ['bit', 'byte', 'zeros', 'ones', 'garbage', 'cut', 'missing']

/** Checks damage to a file of `size` bytes. */
export function checkDamage(damage: Damage, size: number): void {
  oneOf('the kind of damage', damage?.kind, DAMAGES)
  if (damage.kind === 'missing') return
  if (damage.kind === 'cut') {
    inRange('the size that a cut leaves', damage.size, 0, size)
    return
  }
  const length = damage.kind === 'bit' || damage.kind === 'byte' ? 1 : damage.length
  wholeNumber('offset', damage.offset, 0)
  wholeNumber('length', length, 0)
  if (damage.offset + length > size) throw invalid(`damage at ${damage.offset}+${length} lies outside the file`)
  if (damage.kind === 'bit') inRange('bit', damage.bit, 0, 7)
  if (damage.kind === 'byte') inRange('mask', damage.mask, 1, 255)
}
