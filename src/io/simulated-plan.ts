/**
 * Random faults from a seed: which operations of a run are hit, by what, and how the disk crashes.
 * A plan is plain data, so it can be printed, shrunk and kept.
 *
 *   for (const fault of planFaults(7)) disk.inject(fault.kind, fault.effect, fault.match)
 *   ... run ...
 *   const after = disk.crash(drawCrash(8))
 *   for (const name of after.list()) after.damage(name, drawDamage(random, size))
 *
 * TWO FAMILIES. After `errors` the promises of the database hold: it fails, stops or tries again, and
 * loses nothing that it acknowledged. `lies` break what it may assume of a disk: it need not survive
 * them, but must never give wrong or missing content without an error, where a second copy could tell.
 */
import { type Random, randomBelow, randomFrom } from '../common/random.ts'
import { pickOne, type Tearing } from './simulated-changes.ts'
import type { FaultEffect, FaultMatch } from './simulated-faults.ts'
import type { OperationKind } from './simulated-trace.ts'
import type { Errno } from './system-error.ts'

/** One rule for `inject`. */
export interface PlannedFault {
  /** Its number in the list of simulated-file-system.ts. */
  readonly fault: string
  readonly kind: OperationKind
  readonly effect: FaultEffect
  readonly match: FaultMatch
}

export interface PlanOptions {
  /** Default `errors`. */
  readonly family?: 'errors' | 'lies'
  /** How many faults. Default 1 to 3. */
  readonly count?: number
  /** About how many operations of a kind the run has; early ones are hit as often as late ones. Default 1000. */
  readonly horizon?: number
  /** Files to hit. Default all. */
  readonly file?: RegExp
  /** The longest delay of a sync; 0, the default, leaves slow syncs out, since they need a runtime. */
  readonly slowSyncMs?: number
  /** What pages are aligned to, for transfers that go elsewhere. Default 4096. */
  readonly alignBytes?: number
}

type Drawn = Omit<PlannedFault, 'match'> & { readonly match?: FaultMatch }
type Draw = (random: Random, options: PlanOptions) => Drawn

const STICKY: FaultMatch = { times: Number.POSITIVE_INFINITY }

/** Once, a few times or for good. */
const lasting = (random: Random): FaultMatch => pickOne(random, [{ times: 1 }, { times: 3 }, STICKY])

const error = (fault: string, kind: OperationKind, errno: Errno, match?: FaultMatch): Drawn => ({
  fault,
  kind,
  effect: { effect: 'error', errno },
  ...(match === undefined ? {} : { match }),
})

/** Of opens only those that create: no room, or no right to write, is no matter when a file is read. */
const growing: typeof error = (fault, kind, errno, match) =>
  error(fault, kind, errno, kind === 'open' ? { ...match, mode: 'create' } : match)

const NO_SPACE: readonly OperationKind[] = ['write', 'write', 'truncate', 'open', 'sync']
const ODD_ERRORS: readonly (readonly [Errno, readonly OperationKind[]])[] = [
  ['EFBIG', ['write', 'truncate']],
  ['EROFS', ['write', 'truncate', 'open', 'rename', 'remove']],
  ['EMFILE', ['open', 'list']],
  ['EINTR', ['read', 'write']],
  ['EAGAIN', ['read', 'write']],
]

const ERRORS: readonly Draw[] = [
  (random) => ({
    fault: 'F9',
    kind: 'sync',
    effect: { effect: 'error', errno: 'EIO', dropPages: random() < 0.75 },
    match: lasting(random),
  }),
  (random) => error('F11', pickOne(random, ['syncDirectory', 'syncDirectory', 'close']), 'EIO', lasting(random)),
  (random) => ({
    fault: 'F12',
    kind: 'write',
    effect: { effect: 'error', errno: pickOne(random, ['EIO', 'ENOSPC']), doneBytes: 'random' },
    match: lasting(random),
  }),
  (random) => ({ fault: 'F13', kind: 'write', effect: { effect: 'short' }, match: lasting(random) }),
  (random) => ({ fault: 'F17', kind: 'read', effect: { effect: 'short' }, match: lasting(random) }),
  (random) =>
    growing('F14', pickOne(random, NO_SPACE), 'ENOSPC', random() < 0.3 ? { until: 'spaceFreed' } : lasting(random)),
  (random) => {
    const [errno, kinds] = pickOne(random, ODD_ERRORS)
    return (errno === 'EROFS' ? growing : error)('F15', pickOne(random, kinds), errno, lasting(random))
  },
  (random, options) => {
    if (random() < 0.5) return error('F16', 'read', 'EIO', { times: 1 })
    const offset = 512 * randomBelow(random, options.horizon ?? HORIZON)
    return error('F16', 'read', 'EIO', { until: 'overwritten', range: { offset, length: 512 }, skip: 0 })
  },
]

const slow: Draw = (_random, { slowSyncMs = 0 }) => ({
  fault: 'F23',
  kind: 'sync',
  effect: { effect: 'slow', delayMs: 0, spreadMs: slowSyncMs },
  match: STICKY,
})

const LIES: readonly Draw[] = [
  (random) => ({
    fault: 'F10',
    kind: pickOne(random, ['sync', 'sync', 'syncDirectory']),
    effect: { effect: 'lie' },
    match: lasting(random),
  }),
  () => ({ fault: 'F19', kind: 'read', effect: { effect: 'flip' } }),
  (random, { alignBytes = 4096 }) => ({
    fault: 'F20',
    kind: 'write',
    effect: { effect: 'misdirect', otherFile: random() < 0.5, alignBytes },
  }),
  (random, { alignBytes = 4096 }) => ({
    fault: 'F21',
    kind: 'read',
    effect: { effect: 'misdirect', otherFile: random() < 0.5, alignBytes },
  }),
  () => ({ fault: 'F21', kind: 'write', effect: { effect: 'phantom' } }),
]

const HORIZON = 1000

/** The faults of a seed. */
export function planFaults(seed: number, options: PlanOptions = {}): PlannedFault[] {
  const random = randomFrom(seed)
  const { family = 'errors', horizon = HORIZON, file, slowSyncMs = 0 } = options
  const draws = family === 'lies' ? LIES : slowSyncMs > 0 ? [...ERRORS, slow] : ERRORS
  const count = options.count ?? 1 + randomBelow(random, 3)
  return Array.from({ length: count }, () => {
    const { match, ...drawn } = pickOne(random, draws)(random, options)
    // As many between 1 and 10 as between 100 and 1000.
    const skip = Math.floor(horizon ** random()) - 1
    return { ...drawn, match: { skip, ...match, ...(file === undefined ? {} : { file }) } }
  })
}

/** One line: 'F13 write 12 of every file, once: short'. */
export function describeFault({ fault, kind, effect, match }: PlannedFault): string {
  const { skip = 0, times, file, range, until } = match
  const where = range === undefined ? '' : ` at ${range.offset}+${range.length}`
  const long =
    until ??
    (times === undefined || times === 1 ? 'once' : times === Number.POSITIVE_INFINITY ? 'for good' : `${times} times`)
  const details = Object.entries(effect).map(([key, value]) => (key === 'effect' ? value : `${key} ${value}`))
  return `${fault} ${kind} ${skip + 1}${where} of ${file?.source ?? 'every file'}, ${long}: ${details.join(', ')}`
}

/** A crash of a seed, with the tears that the engine must survive on every file. */
export function drawCrash(seed: number): { readonly mode: 'random'; readonly seed: number } & Tearing {
  const random = randomFrom(seed)
  const tearBytes = random() < 0.75 ? 512 : 4096
  return { mode: 'random', seed, tearBytes, missing: pickOne(random, ['old', 'zeros', 'garbage']) }
}
