/**
 * aries-db/testing: the kit to test programs that use aries-db under crash, and the simulated disk and
 * clock it stands on, which can be used alone. Start with docs/testing.md.
 *
 * @module aries-db/testing
 */

export type { Random } from '../common/random.ts'
export type {
  MissingContent,
  PendingChange,
  PendingName,
  PendingTruncate,
  PendingWrite,
  Pick,
  TearBytes,
  Tearing,
} from '../io/simulated-changes.ts'
export type { CrashState, CrashStateOptions } from '../io/simulated-crash-states.ts'
export { type Damage, drawDamage } from '../io/simulated-damage.ts'
export type { ErrorEffect, FaultEffect, FaultMatch, FaultOptions } from '../io/simulated-faults.ts'
export {
  type CrashChoice,
  type Limits,
  SimulatedCrash,
  SimulatedFileSystem,
  type SimulatedOptions,
} from '../io/simulated-file-system.ts'
export { describeFault, drawCrash, type PlannedFault, type PlanOptions, planFaults } from '../io/simulated-plan.ts'
export { SimulatedRuntime } from '../io/simulated-runtime.ts'
export {
  type Call,
  formatTrace,
  type OperationKind,
  type Outcome,
  parseTrace,
  type TraceEntry,
  TraceError,
  TraceReplay,
} from '../io/simulated-trace.ts'
export { type Errno, systemError } from '../io/system-error.ts'
export { crashTest } from './crash-test.ts'
export { CrashTestFailure } from './failure.ts'
export type {
  CrashDescription,
  CrashTestFigures,
  CrashTestOptions,
  InvariantContext,
  ProcessContext,
  WorkloadContext,
} from './options.ts'
export type { KeptChange, Persisted } from './persisted.ts'
export { Sandbox, type SandboxOptions } from './sandbox.ts'
export {
  applyScript,
  type Contents,
  differenceOf,
  readContents,
  runScript,
  type ScriptStep,
  type TransactionScript,
} from './scripts.ts'
