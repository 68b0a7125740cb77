/**
 * What the explorer shows: a session is a list of steps, and every step has the whole state of the engine
 * behind it, which never changes any more. So going back is an index into `steps`, and nothing else.
 *
 * A live session is a list of actions, replayed from an empty database each time: the same actions give the
 * same steps, so a link with the actions in it is a link to the session. A scenario session is a textbook
 * exercise: a log and pages as a crash has left them, restarted.
 *
 * LSNs are the engine's byte offsets in a live session, and the exercise's own numbers in a scenario, where 0
 * is an LSN like any other. No LSN is `undefined` in both.
 */
import type { Scenario } from '../../../../src/scenario/scenario.ts'

export type Lsn = number

/** One record of the log. */
export interface LogRow {
  readonly lsn: Lsn
  /** As `aries log` names it: update, clr, commit, abort, end, begin-checkpoint, end-checkpoint, ... */
  readonly type: string
  readonly txnId?: number | undefined
  /** The transaction as people call it: `T1`. */
  readonly txn?: string | undefined
  readonly pageId?: number | undefined
  /** The page as people call it: `P5`. */
  readonly page?: string | undefined
  readonly prevLsn?: Lsn | undefined
  /** Of a CLR; undefined when nothing is left to undo. */
  readonly undoNextLsn?: Lsn | undefined
  /** Of a CLR that compensates a record: which one. */
  readonly undoes?: Lsn | undefined
  /** Undo passes over it. */
  readonly isRedoOnly?: boolean | undefined
  /** What it changes, in words. */
  readonly text: string
  /** Durable: a power cut leaves it. */
  readonly isFlushed: boolean
}

/** A row of the transaction table: who has written and has no END yet. */
export interface TransactionRow {
  readonly txnId: number
  readonly name: string
  /** running, committing, aborting, prepared */
  readonly status: string
  readonly lastLsn?: Lsn | undefined
  readonly undoNextLsn?: Lsn | undefined
}

/** A row of the dirty page table. */
export interface DirtyPageRow {
  readonly pageId: number
  /** As people call it: `P5`. */
  readonly page: string
  readonly recLsn: Lsn
}

/** A row on a page: a key and its value, a slot and its text, a child of an inner node. */
export interface PageRow {
  readonly key: string
  readonly value: string
  /** Such as `deleted` or `T1, not committed`. */
  readonly note?: string | undefined
}

/** A page, in the buffer pool or on disk. */
export interface PageView {
  readonly pageId: number
  /** As people call it: `P5`. */
  readonly page: string
  /** What it is: `leaf of accounts`, `root of accounts`, `space map`, `meta page`; empty in a scenario. */
  readonly label: string
  readonly pageLsn?: Lsn | undefined
  readonly rows: readonly PageRow[]
  /** In the pool: differs from the disk. */
  readonly isDirty?: boolean | undefined
  /** On disk: written, but not synced since, so that a power cut may still take it away. */
  readonly isUnsynced?: boolean | undefined
  /** It fails its checksum, for instance because it is torn. */
  readonly isDamaged?: boolean | undefined
}

/** A B+tree as it is now, of pages in the pool or else on disk. */
export interface TreeView {
  readonly table: string
  readonly root: TreeNode
}

export interface TreeNode {
  readonly pageId: number
  readonly page: string
  /** 0 = leaf. */
  readonly level: number
  /** Of a leaf its keys, of an inner node the keys between its children. */
  readonly keys: readonly string[]
  readonly children: readonly TreeNode[]
}

export interface LockRow {
  readonly txnId: number
  readonly txn: string
  readonly mode: string
  /** Such as `alice of accounts`, `table accounts`, `the end of accounts`. */
  readonly key: string
  readonly isWaiting: boolean
}

/** A transaction that a user has open: whom the buttons work for. Only those who have written are in the transaction table. */
export interface OpenTransaction {
  readonly txn: string
  readonly txnId: number
  readonly savepoints: readonly string[]
  /** It waits for a lock, and can do nothing until it has got it. */
  readonly isWaiting: boolean
}

export interface EngineState {
  readonly phase: 'running' | 'crashed' | 'analysis' | 'redo' | 'undo'
  readonly log: readonly LogRow[]
  /** Every byte of the log below is durable. */
  readonly flushedLsn: Lsn
  /** The checkpoint that the master record names: where analysis begins. */
  readonly masterLsn?: Lsn | undefined
  readonly transactions: readonly TransactionRow[]
  readonly dirtyPages: readonly DirtyPageRow[]
  readonly pool: readonly PageView[]
  readonly disk: readonly PageView[]
  readonly trees: readonly TreeView[]
  readonly locks?: readonly LockRow[]
  /** Empty unless the phase is `running`. */
  readonly open: readonly OpenTransaction[]
}

/** What of a state differs from the one before: ids of rows that are new, changed or gone. */
export interface Changes {
  readonly log: readonly Lsn[]
  readonly transactions: readonly number[]
  readonly dirtyPages: readonly number[]
  readonly pool: readonly number[]
  readonly disk: readonly number[]
}

export interface Step {
  /** Its index in `steps`. */
  readonly number: number
  /** The action it belongs to; -1 before the first one, and in scenarios. */
  readonly actionIndex: number
  /** The kind of the trace event behind it, or one of `start`, `write`, `sync`, `crash`, `opened`, `done`, `failed`. */
  readonly kind: string
  /** A few words. */
  readonly title: string
  /** What has happened, and why. */
  readonly sentence: string
  /** Where the paper tells of it, such as `ARIES (Mohan et al. 1992), section 6.2`. */
  readonly reference?: string | undefined
  /** The log record it is about. */
  readonly lsn?: Lsn | undefined
  readonly changed: Changes
  readonly state: EngineState
  /** What is written and not synced at this moment: what a crash here may lose. Empty in scenarios. */
  readonly pendingWrites: readonly PendingWrite[]
}

/** A change of the simulated disk that is not synced: a power cut may keep it, lose it, or keep some of its sectors. */
export interface PendingWrite {
  /** Its place in the list, which a crash action names. */
  readonly index: number
  readonly file: string
  readonly kind: 'write' | 'truncate' | 'create' | 'remove' | 'rename'
  /** Such as `log records 5200 to 5344` or `page 4`. */
  readonly text: string
  /** In how many parts it can be torn: sectors of 512 bytes. */
  readonly parts: number
}

/** What of one pending write survives: all of it, or the parts that are named. */
export interface SurvivingWrite {
  readonly index: number
  readonly parts?: readonly number[] | undefined
}

/**
 * What a crash leaves of what was written and not synced. `kill` is the death of the process alone: the operating
 * system keeps what it was given. The others are power cuts.
 */
export type Survivors = 'none' | 'all' | 'kill' | readonly SurvivingWrite[]

export type Action =
  | { readonly kind: 'begin'; readonly txn: string }
  | {
      readonly kind: 'put'
      readonly txn: string
      readonly table: string
      readonly key: string
      readonly value: string
    }
  | { readonly kind: 'delete'; readonly txn: string; readonly table: string; readonly key: string }
  | { readonly kind: 'get'; readonly txn: string; readonly table: string; readonly key: string }
  /** Many rows at once, with keys of three digits from `from` on: so that pages split. Shown as one step a row, and more where pages split. */
  | {
      readonly kind: 'fill'
      readonly txn: string
      readonly table: string
      readonly from: number
      readonly count: number
    }
  | { readonly kind: 'commit'; readonly txn: string }
  | { readonly kind: 'abort'; readonly txn: string }
  | { readonly kind: 'savepoint'; readonly txn: string; readonly name: string }
  | { readonly kind: 'rollbackTo'; readonly txn: string; readonly name: string }
  | { readonly kind: 'createTable'; readonly txn: string; readonly table: string }
  | { readonly kind: 'flushPage'; readonly pageId: number }
  | { readonly kind: 'flushLog' }
  | { readonly kind: 'checkpoint' }
  /** Strikes after the last step of the action before it, or, with `after`, when so many of its steps have been made (0 = before the first). */
  | { readonly kind: 'crash'; readonly survivors: Survivors; readonly after?: number | undefined }
  | { readonly kind: 'restart' }

/** One restart, and where it lies in the steps. */
export interface RestartView {
  /** The step before it: the crashed state. */
  readonly crashStep: number
  /** The step at which analysis is complete; undefined when it never was. */
  readonly analysisStep?: number | undefined
  /** The tables at the end of analysis, before anything is appended: what a student predicts. */
  readonly transactions: readonly TransactionRow[]
  readonly dirtyPages: readonly DirtyPageRow[]
  readonly lastStep: number
}

/** One question of an exercise: the known answer, and what the engine did. */
export interface AnswerRow {
  /** Which restart, from 0. */
  readonly restart: number
  /** The step at which ours is known. */
  readonly step: number
  /** Such as `transaction table`, `redone`, `order of undo`. */
  readonly question: string
  readonly expected: string
  readonly ours: string
  readonly isEqual: boolean
}

export interface Session {
  readonly kind: 'live' | 'scenario'
  readonly title: string
  readonly steps: readonly Step[]
  /** Those that were carried out; empty in a scenario. */
  readonly actions: readonly Action[]
  readonly restarts: readonly RestartView[]
  /** Of a scenario that gives answers. */
  readonly answers: readonly AnswerRow[]
  /** Of a scenario: what else there is to say, such as why this engine cannot run it. */
  readonly note?: string | undefined
  /** The action that could not be carried out, and why: the steps end before it. */
  readonly error?: { readonly actionIndex: number; readonly message: string } | undefined
}

/** A scenario of the menu. */
export interface TextbookEntry {
  readonly id: string
  readonly title: string
  readonly source: string
}

/** What is wrong in a text; both numbers count from 1. */
export interface TextError {
  readonly line: number
  readonly column: number
  readonly message: string
}

export type ParsedText = { readonly scenario: Scenario } | { readonly errors: readonly TextError[] }

/** What a link leads to. */
export interface Place {
  readonly content:
    | { readonly kind: 'scenario'; readonly id: string }
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'actions'; readonly actions: readonly Action[] }
  readonly step?: number | undefined
  readonly isPredicting?: boolean | undefined
}

/** What a student has filled in, as typed. */
export interface Prediction {
  readonly transactions: readonly { readonly txn: string; readonly status: string; readonly lastLsn: string }[]
  readonly dirtyPages: readonly { readonly page: string; readonly recLsn: string }[]
}

export interface CellMark {
  readonly given: string
  readonly wanted: string
  readonly isRight: boolean
}

/** The rows of the prediction with a mark for each cell, then those that are missing, with empty `given`. A row too many has empty `wanted`. */
export interface Marks {
  readonly transactions: readonly { readonly txn: CellMark; readonly status: CellMark; readonly lastLsn: CellMark }[]
  readonly dirtyPages: readonly { readonly page: CellMark; readonly recLsn: CellMark }[]
  /** Cells that are right, of all. */
  readonly right: number
  readonly total: number
}

/**
 * The functions, in `index.ts`:
 *
 *     runActions(actions): Promise<Session>
 *     runScenario(scenario): Promise<Session>
 *     parseScenarioText(text): ParsedText
 *     textbook: readonly TextbookEntry[]        textbookScenario(id): Scenario | undefined
 *     textbookText(id): string | undefined      the exercise in the text notation, to start one's own from
 *     actAt(session, step, action): readonly Action[]
 *                                               the actions that lead to this step and then do that: what is
 *                                               after the step is dropped, and a crash strikes at the step itself
 *     encodeHash(place): string                 decodeHash(hash): Place | undefined     with '#'
 *     markPrediction(restart, prediction): Marks
 */
