/**
 * The resource-manager port. Recovery redoes and undoes records without knowing what is in them: each
 * family of records (B+tree, space map, ...) registers one of these at open (PostgreSQL's rmgr idea).
 *
 * - `redo` is the one apply path. Normal work logs first and then calls it, rollback calls it for the
 *   CLR it has just written, restart calls it for every record of the redo pass (I26).
 * - `undo` changes no page. It returns the compensation, which becomes a CLR and is applied by `redo`.
 */
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import type { LogRecordView } from './log-record.ts'

/** Numbers are on disk. */
export const ResourceId = { NONE: 0, SPACE: 1, BTREE: 2, SLOTS: 3 } as const

/** The content of a CLR: what to do to which page. `payload` is copied into the log. */
export interface Compensation {
  readonly operation: number
  readonly pageId: PageId
  readonly payload: Uint8Array
  /** Whether it leaves something of the record to compensate: then `undo` is asked for the record again. */
  readonly isPart?: boolean
}

export interface ResourceManager<Txn> {
  readonly id: number
  readonly name: string
  /**
   * Applies `record` to the page that starts at byte `page` of the buffer arena. Deterministic: the
   * same page before and the same record give the same bytes. Must not throw for a record it wrote.
   */
  redo(record: LogRecordView, page: number): void
  /** Whether redo of this operation needs nothing of the page's old content (it formats it). */
  formatsPage(operation: number): boolean
  /**
   * Builds the compensation of one update of `txn`, or of a part of it. It may first make room by nested top
   * actions of `txn`. Returns undefined when nothing is left to compensate.
   * `record` stays valid during the call.
   */
  undo(record: LogRecordView, txn: Txn): Compensation | undefined
  /** One line for people. */
  describe(record: LogRecordView): string
}

/** The registered resource managers, by id. */
export class ResourceManagers<Txn> {
  readonly #byId: (ResourceManager<Txn> | undefined)[] = []

  register(manager: ResourceManager<Txn>): void {
    this.#byId[manager.id] = manager
  }

  /** The manager of `id`; logs of this format name no other than those that are registered. */
  of(id: number): ResourceManager<Txn> {
    const manager = this.#byId[id]
    assert(manager !== undefined, 'the resource manager that a record names is registered')
    return manager
  }
}
