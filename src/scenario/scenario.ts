/**
 * Golden recovery scenarios, schema `aries-scenarios/1`: a log, the pages on disk at a crash, and what
 * restart must then do, in terms of records, slots and LSNs that a person can follow on paper. What
 * the fields mean, and which textbook does what, is told in docs/scenarios.md.
 *
 * LSNs of a scenario are symbols that have only an order. `null` is no LSN, and 0 is a real one.
 */
import type { SkipReason } from '../common/trace.ts'
import type { SlotValue } from './slots-resource-manager.ts'

export const SCENARIO_SCHEMA = 'aries-scenarios/1'

/** What redo may be expected to say of a record, in the order in which it is tested. */
export const REDO_REASONS = [
  'not-redoable',
  'not-in-dpt',
  'lsn<recLsn',
  'pageLsn>=lsn',
  'page-damaged',
] as const satisfies readonly SkipReason[]

/** An LSN as a scenario writes it. */
export type Symbolic = number

export interface AttEntry {
  readonly status: 'running' | 'committing' | 'aborting'
  readonly lastLsn: Symbolic | null
}

/** Transaction table, by transaction name. */
export type Att = Readonly<Record<string, AttEntry>>
/** Dirty page table: recLsn by page name. */
export type Dpt = Readonly<Record<string, Symbolic>>

export interface ScenarioPage {
  readonly pageLsn: Symbolic | null
  readonly data: Readonly<Record<string, string>>
}

export type Pages = Readonly<Record<string, ScenarioPage>>

interface OfTransaction {
  readonly lsn: Symbolic
  readonly txn: string
  readonly prevLsn: Symbolic | null
}

export interface UpdateRecord extends OfTransaction {
  readonly type: 'update'
  readonly page: string
  readonly slot: string
  readonly before: SlotValue
  readonly after: SlotValue
}

/** A CLR. One without a page is the dummy CLR that closes a nested top action. */
export interface ClrRecord extends OfTransaction {
  readonly type: 'clr'
  readonly page: string | null
  readonly slot: string | null
  readonly after: SlotValue
  /** The record it compensates; null when it closes a nested top action. */
  readonly undoes: Symbolic | null
  readonly undoNextLsn: Symbolic | null
}

export interface StatusRecord extends OfTransaction {
  readonly type: 'begin' | 'commit' | 'abort' | 'end'
}

/** Only in scenarios with `variant.allocRecords`. */
export interface FreePageRecord extends OfTransaction {
  readonly type: 'free_page'
  readonly page: string
}

export interface BeginCheckpointRecord {
  readonly type: 'begin_checkpoint'
  readonly lsn: Symbolic
}

export interface EndCheckpointRecord {
  readonly type: 'end_checkpoint'
  readonly lsn: Symbolic
  readonly att: Att
  readonly dpt: Dpt
}

/** A record of a transaction. */
export type TransactionRecord = UpdateRecord | ClrRecord | StatusRecord | FreePageRecord
export type ScenarioRecord = TransactionRecord | BeginCheckpointRecord | EndCheckpointRecord

/** What restart must have done, phase by phase. */
export interface Expected {
  readonly analysis: {
    readonly startLsn: Symbolic | null
    /** At the end of the log, before anything is appended. */
    readonly att: Att
    readonly dpt: Dpt
    readonly appended: readonly TransactionRecord[]
    /** When redo begins; null = the same as `att`. */
    readonly attAfter: Att | null
  }
  readonly redo:
    | {
        readonly startLsn: Symbolic | null
        readonly redone: readonly Symbolic[]
        readonly skipped: readonly { readonly lsn: Symbolic; readonly reason: SkipReason }[]
        readonly dptAfterRedo: Dpt | undefined
      }
    | undefined
  readonly undo: { readonly order: readonly Symbolic[]; readonly appended: readonly TransactionRecord[] } | undefined
  readonly finalPages: Pages | undefined
}

/** What a scenario says of all that; undefined = it does not ask. */
export interface Answers {
  readonly analysis: Asked<Expected['analysis']>
  readonly redo: Asked<NonNullable<Expected['redo']>>
  readonly undo: Asked<NonNullable<Expected['undo']>>
  readonly finalPages: Pages | undefined
}

type Asked<T> = { readonly [Field in keyof T]: T[Field] | undefined }

/** One attempt to restart. */
export interface Episode {
  readonly disk: Pages
  readonly expected: Answers
  /** Where the next power cut hits; null = the attempt ends well. */
  readonly crash: { readonly durableThroughLsn: Symbolic; readonly pagesFlushed: Pages } | null
}

/** An attempt with all answers. */
export interface WholeEpisode extends Omit<Episode, 'expected'> {
  readonly expected: Expected
}

/** What is for people: where the scenario comes from, and what is to be said of it. */
export interface About {
  readonly family: string | undefined
  readonly provenance: string | undefined
  readonly source: string | undefined
  readonly covers: readonly string[]
  readonly notes: readonly string[]
  readonly disagreements: readonly string[]
}

/** How the scenario's book differs from others. */
export interface Variant {
  readonly abortAtAnalysisEnd: boolean
  readonly endCommittedAtAnalysisEnd: boolean
  readonly allocRecords: boolean
}

interface ScenarioBase {
  readonly id: string
  readonly title: string
  readonly about: About
  readonly variant: Variant
  readonly initial: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The durable log at the first crash. */
  readonly log: readonly ScenarioRecord[]
  /** The begin_checkpoint to start from; null = the start of the log. */
  readonly masterLsn: Symbolic | null
  /** Undefined = the scenario does not ask. */
  readonly committed: readonly string[] | undefined
  readonly rolledBack: readonly string[] | undefined
  /** END records may come in any order. */
  readonly anyOrderAppended: boolean
  /** False: the log breaks rules that a real one keeps. */
  readonly wellFormed: boolean
  /** The first attempt dies in the middle of redo, so that its redo lists are only a beginning. */
  readonly partialRedoEpisode0: boolean
  /** Low-water mark at the first crash. */
  readonly lowWaterLsn: Symbolic | undefined
}

export interface RestartScenario extends ScenarioBase {
  readonly kind: 'restart' | 'restart-analysis'
  readonly episodes: readonly Episode[]
}

/** No crash: one transaction rolls back in normal processing. */
export interface RollbackScenario extends ScenarioBase {
  readonly kind: 'rollback'
  readonly rollback: {
    readonly txn: string
    /** The savepoint: records above it are undone; null = all. */
    readonly toLsn: Symbolic | null
    readonly undoOrder: readonly Symbolic[]
    readonly appended: readonly TransactionRecord[]
    readonly buffer: Pages
  }
}

/** A state that must be refused. */
export interface InvalidScenario extends ScenarioBase {
  readonly kind: 'invalid'
  readonly invalid: { readonly disk: Pages; readonly expectedError: string }
}

export interface TruncationCase {
  readonly checkpointBegin: Symbolic
  readonly dpt: Dpt
  readonly att: Readonly<Record<string, { readonly firstLsn: Symbolic | null }>>
  readonly lowWaterLsn: Symbolic
}

/** Up to where the log may be recycled. */
export interface TruncationScenario extends ScenarioBase {
  readonly kind: 'truncation'
  readonly truncation: { readonly cases: readonly TruncationCase[] }
}

export type Scenario = RestartScenario | RollbackScenario | InvalidScenario | TruncationScenario
