/** What the processes of a campaign say to each other. */
import type { CoverageFigures } from '../exploration/coverage.ts'
import type { ExplorationOptions, Violation } from '../exploration/explorer.ts'

/** What a worker is to do. Worker `index` of `count` takes the jobs whose number leaves that remainder. */
export interface Assignment {
  readonly seed: number
  readonly index: number
  readonly count: number
  readonly depth: number
  readonly statesPerPoint: number
}

export interface ScriptFigures {
  readonly scripts: number
  readonly restarts: number
}

/** A failure as it is saved: enough to repeat it. */
export type Failure =
  | {
      readonly kind: 'state'
      readonly violation: Violation
      readonly options: Pick<
        ExplorationOptions,
        'seed' | 'depth' | 'statesPerPoint' | 'statesPerRestartPoint' | 'deeperEvery'
      >
    }
  | { readonly kind: 'script'; readonly seed: number; readonly text: string }

/** Figures since the last report. */
export type Report =
  | ({
      readonly kind: 'figures'
      readonly coverage: CoverageFigures
      readonly workloads: number
      /** Of the worker, whatever else the machine has to do. */
      readonly cpuMs: number
    } & ScriptFigures)
  | { readonly kind: 'failure'; readonly failure: Failure }
