/** The trace for whoever subscribes to the channel, and what becomes of a listener that throws. */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test } from 'vitest'
import type { TraceEvent, TraceMessage } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { diskWith, expectRows, keyOf, openOn, textTable, writeRows } from './support.ts'

const NAME = 'aries-db:trace'
let leave = (): void => {}
afterEach(() => leave())

/** Listens to the channel from now on; `leave` ends it. */
function listen(): TraceMessage[] {
  const messages: TraceMessage[] = []
  const take = (message: unknown): void => void messages.push(message as TraceMessage)
  subscribe(NAME, take)
  leave = () => void unsubscribe(NAME, take)
  return messages
}

test('a subscriber hears a restart, and of which database it is', async () => {
  const disk = await diskWith(100, { killed: true })
  const messages = listen()
  const db = await openOn(disk)
  expect(db.recovery.wasNeeded).toBe(true)
  const kinds = new Set(messages.map(({ event }) => event.kind))
  expect([...kinds]).toEqual(expect.arrayContaining(['analysed', 'analysis', 'redo-start', 'redone', 'redo-end']))
  expect(new Set(messages.map(({ database }) => database))).toEqual(new Set([db.location]))
  await db.close()
})

test('who comes in the middle of a transaction hears the rest, and who leaves hears no more', async () => {
  const given: TraceEvent[] = []
  const db = await openOn(new SimulatedFileSystem(), { trace: (event) => given.push(event) })
  await writeRows(db, 0, 10)
  const tx = db.begin()
  await tx.put(textTable(db), keyOf(10), 'a')
  const before = given.length
  const messages = listen()
  await tx.put(textTable(db), keyOf(11), 'b')
  const after = given.length
  expect(after).toBeGreaterThan(before)
  // Both listeners hear the same.
  expect(messages.map(({ event }) => event)).toEqual(given.slice(before))
  leave()
  await tx.commit()
  expect(messages).toHaveLength(after - before)
  expect(given.length).toBeGreaterThan(after)
  await db.close()
})

test('without a listener of its own a database is silent again when the last subscriber has left', async () => {
  const db = await openOn(new SimulatedFileSystem())
  const messages = listen()
  await writeRows(db, 0, 10)
  const heard = messages.length
  expect(heard).toBeGreaterThan(10)
  leave()
  expect(channel(NAME).hasSubscribers).toBe(false)
  await writeRows(db, 10, 20)
  expect(messages).toHaveLength(heard)
  await db.close()
})

test('a listener that always throws is heard of, and costs no row', async () => {
  const thrown: unknown[] = []
  const onRejection = (error: unknown): void => void thrown.push(error)
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', onRejection)
  try {
    const db = await openOn(new SimulatedFileSystem(), {
      trace: () => {
        throw new Error('a slip')
      },
    })
    await writeRows(db, 0, 200)
    await expectRows(db, 200)
    await db.close()
    // Unhandled rejections are told between two turns of the event loop.
    await new Promise(setImmediate)
  } finally {
    process.off('unhandledRejection', onRejection)
    for (const other of others) process.on('unhandledRejection', other)
  }
  expect(thrown.length).toBeGreaterThan(200)
  expect(thrown[0]).toMatchObject({ message: 'a slip' })
})
