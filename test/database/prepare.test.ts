/** Preparing a transaction: what can be done with it then, its name, and how durable it is and its outcome. */
import { describe, expect, test } from 'vitest'
import { Bench, fill, named, namesOf, prepared, putUntilFull } from './prepare-support.ts'
import { diskWith, expectFailure, rowsOf, textTable } from './support.ts'

describe('the handle', () => {
  test('does nothing more but commit or abort', async () => {
    const { db, text } = await Bench.made()
    const tx = db.begin()
    await tx.put(text, 'a', 'A')
    const savepoint = await tx.savepoint()
    await tx.prepare('one')
    expect(tx.isActive).toBe(false)
    const attempts: (() => Promise<unknown>)[] = [
      () => tx.get(text, 'a'),
      () => tx.put(text, 'a', 'B'),
      () => tx.delete(text, 'a'),
      () => tx.range(text).next(),
      () => tx.count(text),
      () => tx.clear(text),
      () => tx.tables(),
      () => tx.createTable(textTable(db, 'other')),
      () => tx.dropTable(text),
      () => tx.savepoint(),
      () => tx.rollbackTo(savepoint),
      () => tx.prepare('two'),
    ]
    for (const attempt of attempts) await expectFailure(attempt, 'TX_PREPARED', 'only be committed or aborted')
    await tx.commit()
    await expectFailure(() => tx.commit(), 'TX_CLOSED', 'committed')
    expect(await rowsOf(db)).toEqual({ a: 'A' })
  })

  test('cannot be ended before it is prepared', async () => {
    const { db, text } = await Bench.made()
    const tx = db.begin()
    await tx.put(text, 'a', 'A')
    const preparing = tx.prepare('one')
    await expectFailure(() => tx.commit(), 'TX_BUSY', 'being prepared')
    await expectFailure(() => tx.abort(), 'TX_BUSY', 'being prepared')
    expect(db.inDoubt()).toEqual([])
    await preparing
    await tx.abort()
    expect(await rowsOf(db)).toEqual({})
  })

  test('is not prepared while an operation waits', async () => {
    const bench = await Bench.made()
    const { db, text } = bench
    const holder = db.begin()
    await holder.put(text, 'a', 'A')
    const tx = db.begin()
    const waiting = tx.put(text, 'a', 'B')
    await expectFailure(() => tx.prepare('one'), 'TX_BUSY', 'still waits')
    await holder.commit()
    await waiting
    await tx.prepare('one')
    await tx.commit()
    expect(await rowsOf(db)).toEqual({ a: 'B' })
  })

  test('stays in doubt when `await using` and `db.transaction` are done with it', async () => {
    const { db, text } = await Bench.made()
    {
      await using tx = db.begin()
      await tx.put(text, 'a', 'A')
      await tx.prepare('one')
    }
    await db.transaction(async (tx) => {
      await tx.put(text, 'b', 'B')
      await tx.prepare('two')
    })
    const failing = db.transaction(async (tx) => {
      await tx.put(text, 'c', 'C')
      await tx.prepare('three')
      throw new Error('too late')
    })
    await expect(failing).rejects.toThrow('too late')
    expect(namesOf(db)).toEqual(['one', 'two', 'three'])
  })

  test('says TX_CLOSED once somebody else has ended it, and so does the other', async () => {
    const { db, text } = await Bench.made()
    const first = await prepared(db, 'one', (tx) => tx.put(text, 'a', 'A'))
    const inDoubt = named(db, 'one')
    expect(inDoubt.id).toBe(first.id)
    await inDoubt.commit()
    await expectFailure(() => first.commit(), 'TX_CLOSED', 'committed')
    await expectFailure(() => first.abort(), 'TX_CLOSED', 'committed')
    const second = await prepared(db, 'two', (tx) => tx.put(text, 'a', 'B'))
    const other = named(db, 'two')
    await second.abort()
    await expectFailure(() => other.commit(), 'TX_CLOSED', 'aborted')
    await expectFailure(() => other.abort(), 'TX_CLOSED', 'aborted')
    expect(await rowsOf(db)).toEqual({ a: 'A' })
  })

  test('says DB_CLOSED after a close, which leaves it in doubt', async () => {
    const { db, disk, text } = await Bench.made()
    const tx = await prepared(db, 'one', (each) => each.put(text, 'a', 'A'))
    const inDoubt = named(db, 'one')
    await db.close()
    for (const attempt of [() => tx.commit(), () => tx.abort(), () => inDoubt.commit(), () => inDoubt.abort()]) {
      await expectFailure(attempt, 'DB_CLOSED', 'closed')
    }
    expect(() => db.inDoubt()).toThrow('closed')
    expect(namesOf((await Bench.open(disk)).db)).toEqual(['one'])
  })

  test('a close waits for what is being prepared, and leaves it in doubt', async () => {
    const { db, disk, text } = await Bench.made()
    const tx = db.begin()
    await tx.put(text, 'a', 'A')
    const preparing = tx.prepare('one')
    await db.close()
    await preparing
    expect(namesOf((await Bench.open(disk)).db)).toEqual(['one'])
  })
})

test('a transaction that reads from a snapshot gives it back', async () => {
  const { db, text } = await Bench.made()
  const tx = db.begin({ isolation: 'snapshot' })
  await tx.get(text, 'a')
  await tx.put(text, 'b', 'B')
  expect(db.stats().versions.readers).toBe(1)
  await tx.prepare('one')
  expect(db.stats().versions.readers).toBe(0)
  await tx.commit()
  expect(await rowsOf(db)).toEqual({ b: 'B' })
})

describe('names', () => {
  test('one at a time, until the outcome', async () => {
    const { db, text } = await Bench.made()
    const first = await prepared(db, 'one', (tx) => tx.put(text, 'a', 'A'))
    const second = db.begin()
    await second.put(text, 'b', 'B')
    await expectFailure(() => second.prepare('one'), 'TX_NAME_TAKEN', 'db.inDoubt() lists it')
    await second.put(text, 'c', 'C')
    await first.commit()
    await second.prepare('one')
    await second.abort()
    await prepared(db, 'one', (tx) => tx.put(text, 'd', 'D'))
    expect(namesOf(db)).toEqual(['one'])
  })

  test('taken from the moment it is asked for, and after a crash too', async () => {
    const bench = await Bench.made()
    const [first, second] = [bench.db.begin(), bench.db.begin()]
    const preparing = first.prepare('one')
    await expectFailure(() => second.prepare('one'), 'TX_NAME_TAKEN', 'one')
    await preparing
    const { db } = await bench.crashed()
    await expectFailure(() => db.begin().prepare('one'), 'TX_NAME_TAKEN', 'one')
  })

  test.each([['', 42, undefined, 'x'.repeat(256), 'ä'.repeat(128), '\ud800']])('%j is none', async (...bad) => {
    const { db } = await Bench.made()
    for (const name of bad) {
      await expectFailure(() => db.begin().prepare(name as string), 'INVALID_ARGUMENT', '1 to 255 bytes')
    }
  })

  test('come back as they were', async () => {
    const bench = await Bench.made()
    const names = ['\ufeffmark', 'ä'.repeat(127), 'x'.repeat(255), '🂡/"\\\n\0', ' ']
    for (const name of names) await prepared(bench.db, name, async () => undefined)
    const { db } = await bench.crashed()
    expect(namesOf(db)).toEqual(names)
  })
})

describe('durability', () => {
  test('an outcome is durable when it is acknowledged, although the database is lazy', async () => {
    for (const verb of ['commit', 'abort'] as const) {
      const bench = await Bench.made({ durability: 'none' })
      const first = await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
      await prepared(bench.db, 'two', (tx) => tx.put(bench.text, 'b', 'B'))
      await first[verb]()
      const between = await bench.crashed()
      await named(bench.db, 'two')[verb]()
      const after = await bench.crashed()
      expect([namesOf(between.db), namesOf(after.db)]).toEqual([['two'], []])
      expect(await rowsOf(after.db)).toEqual(verb === 'commit' ? { a: 'A', b: 'B' } : {})
    }
  })

  test('a commit at a weaker level may come back in doubt, and not halfway', async () => {
    const bench = await Bench.made()
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
    await named(bench.db, 'one').commit({ durability: 'none' })
    const { db } = await bench.crashed()
    expect(namesOf(db)).toEqual(['one'])
    await named(db, 'one').commit()
    expect(await rowsOf(db)).toEqual({ a: 'A' })
    await expectFailure(
      () => db.transaction((tx) => tx.prepare('x').then(() => tx.commit({ durability: 'maybe' as 'full' }))),
      'INVALID_ARGUMENT',
      'durability',
    )
  })

  test('a log that cannot be written: the outcome is unknown, and a reopen knows it', async () => {
    const bench = await Bench.made()
    const tx = bench.db.begin()
    await tx.put(bench.text, 'a', 'A')
    bench.disk.failNext('sync', { errno: 'EIO' })
    await expectFailure(() => tx.prepare('one'), 'TX_OUTCOME_UNKNOWN', 'this prepare was in flight')
    await bench.db.close().catch(() => undefined)
    const { db } = await bench.crashed()
    expect(namesOf(db)).toEqual([])
  })

  test('a full disk: it is not prepared, and can go on', async () => {
    const disk = await diskWith(10)
    const { db, text } = await Bench.open(disk)
    fill(disk)
    const hog = db.begin()
    for (const length of [3000, 1]) await putUntilFull(hog, text, length)
    const tx = db.begin()
    await expectFailure(() => tx.prepare('one'), 'DISK_FULL', 'room')
    expect(tx.isActive).toBe(true)
    await hog.abort()
    disk.capacityBytes = Number.POSITIVE_INFINITY
    await tx.prepare('one')
    expect(namesOf(db)).toEqual(['one'])
  })
})
