/**
 * Two-phase commit over databases that can prepare, with presumed abort (Mohan, Lindsay, Obermarck,
 * *Transaction Management in the R\* Distributed Database Management System*, ACM TODS 11(4), 1986): what
 * is in doubt was decided to commit exactly when the table of decisions says so.
 *
 *     prepare a, prepare b      from here on neither can fail to commit; nobody has decided yet
 *     decision: commit          THE commit: one row, one sync
 *     commit a, commit b        durably; the locks go
 *     forget the decision       nobody is in doubt who could ask for it
 *
 * The code is shown in docs/two-phase-commit.md.
 */
import type { Database, Table, Transaction } from '../../src/index.ts'

// shown from here
export class Coordinator {
  readonly #decisions: Table<string, string>

  /** `decisions` may be in any database, one of those that take part included; nobody else may use it. */
  constructor(decisions: Table<string, string>) {
    this.#decisions = decisions
  }

  /** Commits all of them or none. `name` must never have been used before. */
  async commit(name: string, transactions: readonly Transaction[]): Promise<void> {
    try {
      for (const transaction of transactions) await transaction.prepare(name)
    } catch (error) {
      await Promise.allSettled(transactions.map((transaction) => transaction.abort()))
      throw error
    }
    await this.#decisions.put(name, 'commit')
    await Promise.all(transactions.map((transaction) => transaction.commit()))
    await this.#decisions.delete(name)
  }

  /** After a start, before anything else: ends what is in doubt in any of the databases. */
  async recover(databases: readonly Database[]): Promise<void> {
    for (const inDoubt of databases.flatMap((database) => database.inDoubt())) {
      if ((await this.#decisions.get(inDoubt.name)) === 'commit') await inDoubt.commit()
      else await inDoubt.abort()
    }
    await this.#decisions.clear()
  }
}
// shown up to here

/**
 * With the table of decisions in one of the databases its transaction need not be prepared: it commits
 * together with the decision. A database that cannot prepare can take part in this way.
 */
export async function commitWithLast(
  name: string,
  prepared: readonly Transaction[],
  last: Transaction,
  decisions: Table<string, string>,
): Promise<void> {
  try {
    for (const transaction of prepared) await transaction.prepare(name)
    await last.put(decisions, name, 'commit')
  } catch (error) {
    await Promise.allSettled([...prepared, last].map((transaction) => transaction.abort()))
    throw error
  }
  await last.commit({ durability: 'full' })
  await Promise.all(prepared.map((transaction) => transaction.commit()))
  await decisions.delete(name)
}
