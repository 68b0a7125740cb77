/** Results as they are kept in JSON, and what is read from them: medians, ratios, whether a target was met. */
import type { FigureKind, Target } from './measurement.ts'
import type { Samples } from './runner.ts'

export interface MeasuredSet {
  readonly date: string
  readonly runs: number
  readonly windowMs: number
  readonly scale: number
  readonly samples: Samples
}

export interface Results {
  readonly machine: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly measurements: Readonly<Record<string, MeasuredSet>>
}

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function summaryOf(samples: readonly number[]): Summary | undefined {
  const sorted = [...samples].sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1
      ? (sorted[middle] as number)
      : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number }
}

export interface Best {
  readonly engine: string
  readonly median: number
}

/** The best of the peers, or of some of them. */
export function bestPeer(
  kind: FigureKind,
  samples: Record<string, number[]>,
  ours: string,
  among?: readonly string[],
): Best | undefined {
  let best: Best | undefined
  for (const [engine, values] of Object.entries(samples)) {
    const median = summaryOf(values)?.median
    if (engine === ours || median === undefined || (among !== undefined && !among.includes(engine))) continue
    const isBetter = best === undefined || (kind.better === 'more' ? median > best.median : median < best.median)
    if (isBetter) best = { engine, median }
  }
  return best
}

export interface Judged {
  readonly target: string
  /** Our figure against theirs, or undefined when there is nothing to compare with. */
  readonly value: number | undefined
  readonly isMet: boolean | undefined
}

/** How a target stands. */
export function judge(kind: FigureKind, target: Target, samples: Record<string, number[]>, ours: string): Judged {
  const own = summaryOf(samples[ours] ?? [])?.median
  const { against } = target
  const text = target.atLeast === undefined ? `<= ${target.atMost}` : `>= ${target.atLeast}`
  if (against === 'absolute') {
    return { target: `${text} ${kind.unit}`, value: own, isMet: own === undefined ? undefined : meets(target, own) }
  }
  const best = bestPeer(kind, samples, ours, against)
  const value = own === undefined || best === undefined ? undefined : own / best.median
  const of = against === undefined ? '' : ` of ${against.join(', ')}`
  return { target: `${text}${of}`, value, isMet: value === undefined ? undefined : meets(target, value) }
}

function meets({ atLeast, atMost }: Target, value: number): boolean {
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
}

/** Three significant digits: 8.72k, 1.67M, 106. */
export function short(value: number): string {
  const [scaled, suffix] = value >= 999_500 ? [value / 1e6, 'M'] : value >= 9_995 ? [value / 1e3, 'k'] : [value, '']
  const digits = scaled >= 100 || (suffix === '' && scaled >= 1000) ? 0 : scaled >= 10 ? 1 : 2
  return `${scaled.toFixed(digits)}${suffix}`
}
