/** What a user does in a live session, done by the engine's public interface. */

import { AriesError } from '../../../../src/common/errors.ts'
import { asPageId } from '../../../../src/common/ids.ts'
import { utf8 } from '../../../../src/database/codecs.ts'
import type { Database } from '../../../../src/database/database.ts'
import type { OpenedParts } from '../../../../src/database/open-on.ts'
import type { Table } from '../../../../src/database/table.ts'
import type { Savepoint, Transaction } from '../../../../src/database/transaction.ts'
import { pageName } from './page-view.ts'
import type { Action } from './types.ts'

/** Values so long that a dozen rows fill a page. */
const FILL_VALUE_BYTES = 400

/** An open transaction, and what its user knows of it. */
export interface Named {
  readonly name: string
  readonly transaction: Transaction
  readonly savepoints: Map<string, Savepoint>
  isWaiting: boolean
}

/** What there is to say of the end of an operation, beyond the steps that it has made. */
export interface Outcome {
  readonly title: string
  readonly sentence: string
}

/** An action that makes no sense here, or that the engine has refused. */
export class RefusedAction extends Error {}

/** The engine has rolled a transaction back, and says why: that is no mistake of who sits at the buttons. */
export const isDeadlock = (error: unknown): error is AriesError => AriesError.is(error) && error.code === 'TX_DEADLOCK'

export const tableOf = (database: Database, name: string): Table<string, string> =>
  database.table(name, { key: utf8, value: utf8 })

type Operation = Exclude<Action, { kind: 'crash' | 'restart' | 'begin' }>
type OperationOfTransaction = Extract<Operation, { txn: string }>

/** Rejects with `RefusedAction`, or as the engine does. `hasSteps` tells whether it has made any step. */
export async function carryOut(
  action: Operation,
  named: Named | undefined,
  { database, opened }: OpenedParts,
  hasSteps: () => boolean,
): Promise<Outcome | undefined> {
  switch (action.kind) {
    case 'flushLog':
      await database.flush()
      if (hasSteps()) return undefined
      return { title: 'nothing to flush', sentence: 'The log is durable to its end already.' }
    case 'flushPage': {
      if (await opened.managers.buffer.writePage(asPageId(action.pageId))) return undefined
      const page = pageName(action.pageId)
      return { title: `${page} is clean`, sentence: `Page ${page} is not dirty: the disk has it as it is.` }
    }
    case 'checkpoint':
      await database.checkpoint()
      return undefined
    default: {
      if (named === undefined) throw new RefusedAction('which transaction?')
      const ended = endedOutcome(action, named, hasSteps)
      if (ended !== undefined) return ended()
      return await changeOrRead(action, named, database)
    }
  }
}

/** Commit, abort, savepoint, rollback to one; undefined for other operations. */
function endedOutcome(
  action: OperationOfTransaction,
  { name, transaction, savepoints }: Named,
  hasSteps: () => boolean,
): (() => Promise<Outcome | undefined>) | undefined {
  switch (action.kind) {
    case 'commit':
      return async () => {
        await transaction.commit()
        const sentence = `Transaction ${name} has committed: whoever asked for it is told so now, and not before.`
        return { title: `${name} has committed`, sentence }
      }
    case 'abort':
      return async () => {
        await transaction.abort()
        if (hasSteps()) return undefined
        const sentence = `Transaction ${name} had written nothing: there is nothing to roll back.`
        return { title: `${name} has aborted`, sentence }
      }
    case 'savepoint':
      return async () => {
        savepoints.set(action.name, await transaction.savepoint())
        const sentence = `Transaction ${name} has the savepoint ${action.name}: its lastLSN, to which it can be rolled back.`
        return { title: `savepoint ${action.name}`, sentence }
      }
    case 'rollbackTo':
      return async () => {
        const savepoint = savepoints.get(action.name)
        if (savepoint === undefined) throw new RefusedAction(`transaction ${name} has no savepoint ${action.name}`)
        await transaction.rollbackTo(savepoint)
        const all = [...savepoints.keys()]
        for (const later of all.slice(all.indexOf(action.name) + 1)) savepoints.delete(later)
        if (hasSteps()) return undefined
        const sentence = `Transaction ${name} has written nothing since savepoint ${action.name}.`
        return { title: 'nothing to roll back', sentence }
      }
    default:
      return undefined
  }
}

async function changeOrRead(
  action: OperationOfTransaction,
  { name, transaction }: Named,
  database: Database,
): Promise<Outcome | undefined> {
  switch (action.kind) {
    case 'put':
      await transaction.put(tableOf(database, action.table), action.key, action.value)
      return undefined
    case 'fill':
      for (let i = action.from; i < action.from + action.count; i++) {
        const number = String(i).padStart(3, '0')
        await transaction.put(tableOf(database, action.table), number, `row ${number} `.padEnd(FILL_VALUE_BYTES, '.'))
      }
      return undefined
    case 'delete': {
      if (await transaction.delete(tableOf(database, action.table), action.key)) return undefined
      const sentence = `${action.key} is not in ${action.table}: nothing is deleted, and nothing is logged.`
      return { title: 'nothing to delete', sentence }
    }
    case 'get': {
      const value = await transaction.get(tableOf(database, action.table), action.key)
      const found = value === undefined ? 'it is not there' : value
      const sentence = `Transaction ${name} reads ${action.key} of ${action.table}: ${found}.`
      return { title: `${name} reads ${action.key}`, sentence }
    }
    case 'createTable':
      await transaction.createTable(tableOf(database, action.table))
      return undefined
    default:
      return undefined
  }
}
