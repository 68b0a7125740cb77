/** What a measurement is: who takes part, what it runs on, what figures it gives, and what is aimed at. */
import type { Times } from './clock.ts'
import type { Order } from './data.ts'
import type { Engine, Store, StoreOptions } from './engines/engine.ts'

/** What is aimed at, against the best of some peers, or as a figure by itself. */
export interface Target {
  readonly atLeast?: number
  readonly atMost?: number
  /** Ids of peers; the best of all when not given. `absolute`: the figure itself counts. */
  readonly against?: readonly string[] | 'absolute'
}

export interface FigureKind {
  readonly id: string
  readonly title: string
  readonly unit: '/s' | 'rows/s' | 'us' | 'ms' | 'MB' | 's' | 'rows'
  readonly better: 'more' | 'less'
  readonly targets?: readonly Target[]
}

export type Figures = Record<string, number>

/** Rows that are loaded once for each engine, in key order, and given to many measurements. */
export interface Dataset {
  readonly rows: number
  readonly order: Order
  /** So many whatever the scale. */
  readonly isExact?: boolean
  /** They are many more than the cache of the measurement holds. */
  readonly isBeyondCache?: boolean
}

export interface Context {
  readonly engine: Engine
  readonly directory: string
  readonly times: Times
  /** Everything that has a size is multiplied by this; 1 for the figures that are published. */
  readonly scale: number
  /** Opens the store in the directory. `cacheBytes` is that of the measurement when it is not given. */
  open(options?: Partial<StoreOptions>): Promise<Store>
}

export interface Measurement {
  readonly id: string
  /** The letter of the workload, by which it is chosen. */
  readonly group: string
  readonly figures: readonly FigureKind[]
  readonly level: StoreOptions['level']
  readonly cacheBytes: number
  readonly dataset?: Dataset
  /** The cache is to be smaller than the rows, whatever their number. */
  readonly scalesCache?: boolean
  /** It changes the rows of its dataset, and so gets a copy. */
  readonly changesDataset?: boolean
  /** Long, and so only run when it is named. */
  readonly isOnlyByName?: boolean
  /** Whether an engine can take part. */
  readonly suits?: (engine: Engine) => boolean
  /** Runs in a process of its own, before, which is killed when it resolves. */
  readonly untilKilled?: (context: Context) => Promise<Figures>
  readonly run: (context: Context) => Promise<Figures>
}

export const MIB = 1 << 20
export const CACHE_BYTES = 512 * MIB
export const ROWS = 1_000_000

export const rowsOf = ({ rows, isExact = false }: Dataset, scale: number): number =>
  isExact ? rows : scaled(rows, scale)

export const scaled = (count: number, scale: number): number => Math.max(1000, Math.round(count * scale))
