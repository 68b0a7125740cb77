/**
 * Making, dropping and listing tables in a transaction. A table's name is locked before it is looked up, so what is
 * found stays true until the transaction ends.
 */
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import { checkTable, type TableShape } from './table-shape.ts'
import type { TransactionContext } from './transaction-context.ts'
import { tablesOf } from './view-walk.ts'

/** As `Transaction.createTable`, when its turn has come. */
export async function createTable<K, V>(context: TransactionContext, table: TableShape<K, V>): Promise<void> {
  const tree = await treeToChange(context, table)
  if (tree !== undefined) throw new AriesError('TABLE_EXISTS', `table ${table.name} exists`)
  context.locks.create(table.name)
}

/** As `Transaction.dropTable`, when its turn has come. */
export async function dropTable<K, V>(context: TransactionContext, table: TableShape<K, V>): Promise<void> {
  const tree = await treeToChange(context, table)
  if (tree === undefined) throw new AriesError('TABLE_NOT_FOUND', `there is no table ${table.name}`)
  context.locks.drop(table.name)
  context.view?.forgetTrees()
}

/** The tree of a table that is to be made or dropped, if there is one, with its name locked. */
async function treeToChange<K, V>(context: TransactionContext, table: TableShape<K, V>): Promise<PageId | undefined> {
  const { locks, view } = context
  checkTable(table)
  context.beginChange()
  const tree = await locks.treeOf(table.name, LockMode.X)
  view?.checkTableUnchanged(table.name)
  return tree
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
