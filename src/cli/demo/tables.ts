/** The tables of the demo. */
import { type Database, json, type Table, utf8 } from '../../index.ts'
import { ACCOUNTS, accountKey, type City, OPENING_BALANCE, type Transfer } from './plan.ts'

export interface Tables {
  readonly cities: Table<string, City>
  /** By country and name; the value is the city's key. */
  readonly citiesByName: Table<string, string>
  readonly accounts: Table<string, number>
  readonly transfers: Table<string, Transfer>
}

export function tablesOf(database: Database): Tables {
  return {
    cities: database.table('cities', { key: utf8, value: json<City>() }),
    citiesByName: database.table('cities-by-name', { key: utf8, value: utf8 }),
    accounts: database.table('accounts', { key: utf8, value: json<number>() }),
    transfers: database.table('transfers', { key: utf8, value: json<Transfer>() }),
  }
}

/** Opens all accounts, in one transaction. */
export async function openAccounts(database: Database): Promise<void> {
  const { accounts } = tablesOf(database)
  await database.transaction(async (tx) => {
    for (let account = 0; account < ACCOUNTS; account++) await tx.put(accounts, accountKey(account), OPENING_BALANCE)
  })
}
