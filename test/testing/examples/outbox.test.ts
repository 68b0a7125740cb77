/**
 * An order is stored and a message about it goes to somebody outside. Sent before the commit, it may
 * tell of an order that never was; sent after it, it may never be sent. An outbox is a table of messages
 * written in the order's own transaction: what it holds is sent afterwards, and again after a crash, so
 * every message goes out at least once.
 */
import { describe, expect, test } from 'vitest'
import { type Database, json, utf8 } from '../../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../../src/testing/index.ts'
import { failureOf } from './support.ts'

const ordersOf = (db: Database) => db.table('orders', { key: utf8, value: json<string>() })
const outboxOf = (db: Database) => db.table('outbox', { key: utf8, value: json<string>() })

/** The outside: it survives the crash. */
interface Mailbox {
  readonly sent: string[]
}

interface Shop {
  order(db: Database, mailbox: Mailbox, id: string): Promise<void>
  restart?(db: Database, mailbox: Mailbox): Promise<void>
}

const sendingFirst: Shop = {
  order: async (db, mailbox, id) => {
    await db.transaction(async (tx) => {
      await tx.put(ordersOf(db), id, 'paid')
      mailbox.sent.push(id)
    })
  },
}

const sendingAfterwards: Shop = {
  order: async (db, mailbox, id) => {
    await ordersOf(db).put(id, 'paid')
    mailbox.sent.push(id)
  },
}

async function sendAll(db: Database, mailbox: Mailbox): Promise<void> {
  const waiting: string[] = []
  // Read to the end first: a range in progress keeps what it has read locked.
  for await (const [id] of outboxOf(db).range()) waiting.push(id)
  for (const id of waiting) {
    mailbox.sent.push(id)
    await outboxOf(db).delete(id)
  }
}

const withOutbox: Shop = {
  order: async (db, mailbox, id) => {
    await db.transaction(async (tx) => {
      await tx.put(ordersOf(db), id, 'paid')
      await tx.put(outboxOf(db), id, 'to be sent')
    })
    await sendAll(db, mailbox)
  },
  restart: sendAll,
}

function shopTest(shop: Shop): CrashTestOptions<unknown, Mailbox> {
  return {
    world: () => ({ sent: [] }),
    workload: async ({ db, world }) => {
      for (const id of ['first', 'second']) await shop.order(db, world, id)
    },
    restart: async ({ db, world }) => shop.restart?.(db, world),
    invariant: async ({ db, world }) => {
      const orders: string[] = []
      for await (const [id] of ordersOf(db).range()) orders.push(id)
      expect([...new Set(world.sent)].sort(), 'messages sent').toEqual(orders)
    },
    statesPerCrashPoint: 4,
  }
}

describe('an outbox', () => {
  test('a message sent before the commit tells of an order that is not there', async () => {
    const failure = await failureOf(crashTest(shopTest(sendingFirst)))
    expect(failure.message).toContain("messages sent: expected [ 'first' ] to deeply equal []")
    expect(failure.timeline).toContain('put orders "first" "paid"')
  })

  test('a message sent after the commit may never be sent', async () => {
    const failure = await failureOf(crashTest(shopTest(sendingAfterwards)))
    expect(failure.message).toContain("messages sent: expected [] to deeply equal [ 'first' ]")
  })

  test('a message kept in the transaction and sent after every start is sent', async () => {
    const figures = await crashTest(shopTest(withOutbox))
    expect(figures.statesAfterCrashedRestart).toBeGreaterThan(0)
  })
})
