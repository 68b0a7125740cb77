/**
 * Atomic commit over two databases: money moves from one to the other, and the machine dies at every change
 * and sync of any disk, during the transfers and during the recovery after that. When all is up again, each
 * transfer is in both databases or in none, in both if it was acknowledged, and nothing is in doubt.
 *
 * The same is done with protocols that have a mistake, and each is found.
 */
import { describe, expect, test } from 'vitest'
import { type Database, json, type Table, type Transaction, utf8 } from '../../src/index.ts'
import type { CrashChoice } from '../../src/io/simulated-file-system.ts'
import { runsOf, TIMEOUT_MS } from '../runs.ts'
import { Coordinator, commitWithLast } from './coordinator.ts'
import { Machine } from './machine.ts'

interface Protocol {
  /** Disks beside the two of the banks: a third for the decisions, or none. */
  readonly disks: 2 | 3
  readonly commit: (name: string, transactions: readonly [Transaction, Transaction], all: Database[]) => Promise<void>
  readonly recover: (all: Database[]) => Promise<void>
}

const decisionsOf = (database: Database): Table<string, string> =>
  database.table('decisions', { key: utf8, value: utf8 })
const decisionsOfLast = (all: Database[]): Table<string, string> => decisionsOf(all.at(-1) as Database)

const withCoordinator = (disks: 2 | 3): Protocol => ({
  disks,
  commit: (name, transactions, all) => new Coordinator(decisionsOfLast(all)).commit(name, transactions),
  recover: (all) => new Coordinator(decisionsOfLast(all)).recover(all),
})

const withLast: Protocol = {
  ...withCoordinator(2),
  commit: (name, [first, last], all) => commitWithLast(name, [first], last, decisionsOfLast(all)),
}

const PROTOCOLS: readonly (readonly [string, Protocol])[] = [
  ['decisions in a database of their own', withCoordinator(3)],
  ['decisions in one of the two databases', withCoordinator(2)],
  ['the last one is not prepared, and commits with the decision', withLast],
]

const AMOUNTS = [10, 20]
const moneyOf = (database: Database): Table<string, number> =>
  database.table('accounts', { key: utf8, value: json<number>() })
const movesOf = (database: Database): Table<string, number> =>
  database.table('moves', { key: utf8, value: json<number>() })

/** Adds to the one account of a bank, and notes the transfer. */
async function move(tx: Transaction, bank: Database, name: string, amount: number): Promise<void> {
  const balance = (await tx.get(moneyOf(bank), 'balance', { forUpdate: true })) ?? 0
  await tx.put(moneyOf(bank), 'balance', balance + amount)
  await tx.put(movesOf(bank), name, Math.abs(amount))
}

async function transfer(all: Database[], protocol: Protocol, name: string, amount: number): Promise<void> {
  const [from, to] = all as [Database, Database]
  const [debit, credit] = [from.begin(), to.begin()]
  await move(debit, from, name, -amount)
  await move(credit, to, name, amount)
  await protocol.commit(name, [debit, credit], all)
}

/** All transfers, on a machine that records its moments from the first to the last. */
async function runTransfers(protocol: Protocol): Promise<Machine> {
  const machine = Machine.withDisks(protocol.disks)
  const all = await machine.open()
  await moneyOf(all[0] as Database).put('balance', 100)
  await moneyOf(all[1] as Database).put('balance', 0)
  for (const database of all) {
    await movesOf(database).put('-', 0)
    await decisionsOf(database).put('-', '')
    await database.flush()
  }
  machine.isRecording = true
  for (const amount of AMOUNTS) {
    await transfer(all, protocol, `transfer ${amount}`, amount)
    machine.acknowledged++
    await (all[0] as Database).checkpoint()
  }
  machine.record()
  return machine
}

const none: CrashChoice = { mode: 'none' }
const kept: CrashChoice = { mode: 'all' }
const drawn = (seed: number): CrashChoice => ({ mode: 'random', seed })

/** What the disks keep at a crash, disk by disk. */
const CHOICES: readonly (readonly CrashChoice[])[] = [
  [{ mode: 'kill' }],
  [none],
  [kept],
  [none, kept, kept],
  [kept, none, kept],
  [kept, kept, none],
  ...Array.from({ length: runsOf(16) }, (_, i) => [drawn(3 * i), drawn(3 * i + 1), drawn(3 * i + 2)]),
]

/** Brings a machine up, recovers and looks: what is wrong, if anything. */
async function problemAfter(machine: Machine, protocol: Protocol, recorded: boolean): Promise<string | undefined> {
  machine.isRecording = recorded
  const all = await machine.open()
  await protocol.recover(all)
  machine.isRecording = false
  const [from, to] = all as [Database, Database]
  const open = all.flatMap((database) => database.inDoubt().map(({ name }) => name))
  if (open.length > 0) return `${open.join()} still in doubt`
  const [sent, received] = [await namesIn(movesOf(from)), await namesIn(movesOf(to))]
  if (sent.join() !== received.join()) return `sent: ${sent.join()}; received: ${received.join()}`
  const acknowledged = AMOUNTS.slice(0, machine.acknowledged).map((amount) => `transfer ${amount}`)
  const lost = acknowledged.filter((name) => !sent.includes(name))
  if (lost.length > 0) return `lost although it was acknowledged: ${lost.join()}`
  const balances = [await moneyOf(from).get('balance'), await moneyOf(to).get('balance')] as [number, number]
  if (balances[0] + balances[1] !== 100) return `there is ${balances[0]} and ${balances[1]}`
  for (const database of all) if (database.check().length > 0) return database.check().join()
  return undefined
}

async function namesIn(table: Table<string, number>): Promise<string[]> {
  const names: string[] = []
  for await (const [name] of table.range()) names.push(name)
  return names
}

interface Figures {
  moments: number
  /** What crashes have left, each once. */
  states: number
  /** The same of crashes in recovery. */
  inRecovery: number
}

/** Crashes at every moment of the transfers, and then at every moment of the recovery. */
async function problemOf(protocol: Protocol, figures: Figures): Promise<string | undefined> {
  const { moments } = await runTransfers(protocol)
  const seen = new Set<string>()
  const isNew = ({ digest }: Machine): boolean => seen.size < seen.add(digest).size
  figures.moments += moments.length
  for (const [at, moment] of moments.entries()) {
    for (const [chosen, choices] of CHOICES.entries()) {
      const machine = Machine.after(moment, choices)
      if (!isNew(machine)) continue
      figures.states++
      const problem = await problemAfter(machine, protocol, true)
      if (problem !== undefined) return `crash at ${at}, ${chosen}: ${problem}`
      for (const [again, later] of machine.moments.entries()) {
        for (const laterChoices of [[none], [drawn(again), kept, none]]) {
          const laterMachine = Machine.after(later, laterChoices)
          if (!isNew(laterMachine)) continue
          figures.inRecovery++
          const problem = await problemAfter(laterMachine, protocol, false)
          if (problem !== undefined) return `crash at ${at}, ${chosen}, again at ${again}: ${problem}`
        }
      }
    }
  }
  return undefined
}

describe('killed at every step', () => {
  test.each(PROTOCOLS)(
    '%s',
    async (_, protocol) => {
      const figures: Figures = { moments: 0, states: 0, inRecovery: 0 }
      expect(await problemOf(protocol, figures)).toBeUndefined()
      expect(figures.moments).toBeGreaterThan(20)
      expect(figures.inRecovery).toBeGreaterThan(50)
    },
    TIMEOUT_MS,
  )
})

describe('a mistake in the protocol is found', () => {
  const right = withCoordinator(3)
  const WRONG: readonly (readonly [string, Partial<Protocol>])[] = [
    [
      'nobody prepares',
      { commit: (_name, transactions) => Promise.all(transactions.map((tx) => tx.commit())).then(() => undefined) },
    ],
    [
      'one commits before the decision',
      {
        commit: async (name, transactions, all) => {
          for (const tx of transactions) await tx.prepare(name)
          await transactions[0].commit()
          await decisionsOfLast(all).put(name, 'commit')
          await transactions[1].commit()
        },
      },
    ],
    [
      'the decision is not durable when it is carried out',
      {
        commit: async (name, transactions, all) => {
          for (const tx of transactions) await tx.prepare(name)
          const deciding = (all.at(-1) as Database).begin({ durability: 'none' })
          await deciding.put(decisionsOfLast(all), name, 'commit')
          await deciding.commit()
          for (const tx of transactions) await tx.commit()
        },
      },
    ],
    [
      'the decision is forgotten before the commits are durable',
      {
        commit: async (name, transactions, all) => {
          for (const tx of transactions) await tx.prepare(name)
          await decisionsOfLast(all).put(name, 'commit')
          await transactions[0].commit({ durability: 'none' })
          await transactions[1].commit()
          await decisionsOfLast(all).delete(name)
        },
      },
    ],
    [
      'recovery commits what is in doubt without asking',
      {
        recover: async (all) => {
          for (const inDoubt of all.flatMap((database) => database.inDoubt())) await inDoubt.commit()
        },
      },
    ],
    [
      'recovery forgets the decisions before it asks for them',
      {
        recover: async (all) => {
          await decisionsOfLast(all).clear()
          await right.recover(all)
        },
      },
    ],
  ]
  test.each(WRONG)(
    '%s',
    async (_, wrong) => {
      const found = await problemOf({ ...right, ...wrong }, { moments: 0, states: 0, inRecovery: 0 })
      expect(found).toMatch(/^crash at/)
    },
    TIMEOUT_MS,
  )
})
