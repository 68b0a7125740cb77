/**
 * Making, dropping and listing tables in a transaction. A table's name is locked before it is looked up, so what is
 * found stays true until the transaction ends.
 */
import { AriesError } from '../common/errors.ts'
import { LockMode } from '../lock/lock-mode.ts'
import { checkTable, type TableShape } from './table-shape.ts'
import type { TransactionContext } from './transaction-context.ts'
import { tablesOf } from './view-walk.ts'

/** As `Transaction.createTable`, when its turn has come. */
export async function createTable<K, V>(context: TransactionContext, table: TableShape<K, V>): Promise<void> {
  const { locks, view } = context
  checkTable(table)
  context.beginChange()
  const tree = await locks.treeOf(table.name, LockMode.X)
  view?.checkTableUnchanged(table.name)
  if (tree !== undefined) throw new AriesError('TABLE_EXISTS', `table ${table.name} exists`)
  locks.create(table.name)
}

/** As `Transaction.dropTable`, when its turn has come. */
export async function dropTable<K, V>(context: TransactionContext, table: TableShape<K, V>): Promise<void> {
  const { locks, view } = context
  checkTable(table)
  context.beginChange()
  const tree = await locks.treeOf(table.name, LockMode.X)
  view?.checkTableUnchanged(table.name)
  if (tree === undefined) throw new AriesError('TABLE_NOT_FOUND', `there is no table ${table.name}`)
  locks.drop(table.name)
  view?.forgetTrees()
}

/** As `Transaction.tables`, when its turn has come. */
export async function tablesIn({ locks, view }: TransactionContext): Promise<string[]> {
  if (view !== undefined) return tablesOf(view)
  for (;;) {
    const names = locks.tableNames()
    if (Array.isArray(names)) return names
    await names
  }
}
