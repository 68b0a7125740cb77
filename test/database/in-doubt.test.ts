/**
 * Transactions in doubt come through crashes and clean closes with their locks, their names, the room to roll
 * back, and what is left to do after their commit (I36, I37).
 */
import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '../../src/common/trace.ts'
import { Bench, fill, isFulfilled, LIVES, named, namesOf, prepared, putUntilFull } from './prepare-support.ts'
import { expectFailure, expectRows, imageOf, keyOf, rowsOf, settle, textOf, textTable, writeRows } from './support.ts'

describe.each(LIVES)('%s', (_, next) => {
  const start = async (): Promise<Bench> => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 20)
    return bench
  }

  test('a commit makes all of it there', async () => {
    const bench = await start()
    await prepared(bench.db, 'one', async (tx) => {
      await tx.put(bench.text, keyOf(20), textOf(20))
      await tx.put(textTable(bench.db, 'new'), 'k', 'v')
    })
    const { db } = await next(bench)
    expect(namesOf(db)).toEqual(['one'])
    expect(db.stats().transactions).toMatchObject({ active: 1, inDoubt: 1 })
    await expectFailure(
      () => named(db, 'one').commit({ level: 'none' } as never),
      'INVALID_ARGUMENT',
      'no option level',
    )
    await named(db, 'one').commit()
    expect(namesOf(db)).toEqual([])
    await expectRows(db, 21)
    expect(await rowsOf(db, 'new')).toEqual({ k: 'v' })
    expect(db.stats().log.reservedBytes).toBe(0)
    expect(db.stats().locks.held).toBe(0)
    await db.close()
  })

  test('an abort leaves nothing of it', async () => {
    const bench = await start()
    await prepared(bench.db, 'one', async (tx) => {
      await tx.put(bench.text, 'a', 'A')
      await tx.put(bench.text, keyOf(3), 'changed')
      await tx.delete(bench.text, keyOf(4))
      await tx.put(textTable(bench.db, 'new'), 'k', 'v')
    })
    const { db } = await next(bench)
    await named(db, 'one').abort()
    await expectRows(db, 20)
    expect(await db.tables()).toEqual(['rows'])
    expect(db.stats().log.reservedBytes).toBe(0)
    expect(db.stats().locks.held).toBe(0)
    await db.close()
  })

  test('what it has changed is locked, and nothing else', async () => {
    const bench = await start()
    const late = textTable(bench.db, 'late')
    await bench.db.transaction((tx) => tx.createTable(late))
    await bench.db.transaction((tx) => tx.createTable(textTable(bench.db, 'old')))
    await prepared(bench.db, 'one', async (tx) => {
      await tx.put(bench.text, 'a', 'A')
      await tx.put(bench.text, keyOf(3), 'changed')
      await tx.delete(bench.text, keyOf(4))
      await tx.put(textTable(bench.db, 'new'), 'k', 'v')
      await tx.dropTable(textTable(bench.db, 'old'))
    })
    const after = await next(bench)
    const { text, db } = after
    for (const key of ['a', keyOf(3), keyOf(4)]) {
      expect(await after.isLocked((tx) => tx.get(text, key)), key).toBe(true)
      expect(await after.isLocked((tx) => tx.put(text, key, 'x')), key).toBe(true)
    }
    for (const key of ['b', keyOf(2), keyOf(5)]) {
      expect(await after.isLocked((tx) => tx.put(text, key, 'x')), key).toBe(false)
    }
    expect(await after.isLocked((tx) => tx.count(text))).toBe(true)
    expect(await after.isLocked((tx) => tx.dropTable(text))).toBe(true)
    expect(await after.isLocked((tx) => tx.dropTable(textTable(db, 'late')))).toBe(false)
    for (const name of ['new', 'old']) {
      expect(await after.isLocked((tx) => tx.get(textTable(db, name), 'k')), name).toBe(true)
      expect(await after.isLocked((tx) => tx.createTable(textTable(db, name))), name).toBe(true)
    }
    await named(db, 'one').commit()
    expect(await after.isLocked((tx) => tx.dropTable(text))).toBe(false)
  })

  test('what was rolled back to a savepoint does not come back', async () => {
    const bench = await start()
    await prepared(bench.db, 'one', async (tx) => {
      await tx.put(bench.text, keyOf(20), textOf(20))
      const savepoint = await tx.savepoint()
      await tx.put(bench.text, keyOf(5), 'x'.repeat(9000))
      await tx.delete(bench.text, keyOf(6))
      await tx.dropTable(bench.text)
      await tx.rollbackTo(savepoint)
      await tx.put(bench.text, keyOf(21), textOf(21))
    })
    const after = await next(bench)
    const { db } = after
    if (after !== bench) expect(await after.isLocked((tx) => tx.put(after.text, keyOf(6), textOf(6)))).toBe(false)
    await named(db, 'one').commit()
    await expectRows(db, 22)
  })

  test('long values and dropped tables are freed by its commit, and kept by its abort', async () => {
    for (const outcome of ['commit', 'abort'] as const) {
      const bench = await start()
      const long = textTable(bench.db, 'long')
      await bench.db.transaction(async (tx) => {
        await tx.put(long, 'kept', 'k'.repeat(30_000))
        await tx.put(long, 'replaced', 'r'.repeat(30_000))
        await tx.put(textTable(bench.db, 'dropped'), 'd', 'd'.repeat(30_000))
      })
      const before = bench.db.stats().pages.allocated ?? 0
      await prepared(bench.db, 'one', async (tx) => {
        await tx.delete(long, 'replaced')
        await tx.put(long, 'new', 'n'.repeat(60_000))
        await tx.dropTable(textTable(bench.db, 'dropped'))
      })
      const { db, disk } = await next(bench)
      expect(db.check()).toEqual([])
      await named(db, 'one')[outcome]()
      await db.close()
      const last = (await Bench.open(disk)).db
      expect(last.check()).toEqual([])
      const lengths = Object.entries(await rowsOf(last, 'long')).map(([key, { length }]) => [key, length])
      if (outcome === 'commit') {
        expect(lengths).toEqual([
          ['kept', 30_000],
          ['new', 60_000],
        ])
        expect(await last.tables()).toEqual(['long', 'rows'])
        expect(last.stats().pages.allocated).toBeLessThan(before)
      } else {
        expect(lengths).toEqual([
          ['kept', 30_000],
          ['replaced', 30_000],
        ])
        expect(await last.tables()).toEqual(['dropped', 'long', 'rows'])
        expect(last.stats().pages.allocated).toBe(before)
      }
    }
  })

  test('a snapshot shows what was there before, until the commit', async () => {
    const bench = await start()
    await prepared(bench.db, 'one', async (tx) => {
      await tx.put(bench.text, 'a', 'A')
      await tx.put(bench.text, keyOf(3), 'changed')
      await tx.put(bench.text, keyOf(3), 'changed again')
      await tx.delete(bench.text, keyOf(4))
      await tx.put(textTable(bench.db, 'new'), 'k', 'v')
    })
    const { db, text } = await next(bench)
    const before = db.snapshot()
    expect(before.tables()).toEqual(['rows'])
    const rows = [...before.range(text)]
    expect(rows).toEqual(Array.from({ length: 20 }, (_, i) => [keyOf(i), textOf(i)]))
    await named(db, 'one').commit()
    expect([...before.range(text)]).toEqual(rows)
    const after = db.snapshot()
    expect([after.get(text, 'a'), after.get(text, keyOf(3)), after.get(text, keyOf(4))]).toEqual([
      'A',
      'changed again',
      undefined,
    ])
    before.close()
    after.close()
  })

  test('it is listed although it has written nothing', async () => {
    const bench = await start()
    await prepared(bench.db, 'reader', (tx) => tx.get(bench.text, keyOf(1)))
    await prepared(bench.db, 'idle', async () => undefined)
    const { db } = await next(bench)
    expect(namesOf(db)).toEqual(['reader', 'idle'])
    await named(db, 'reader').commit()
    await named(db, 'idle').abort()
    await expectRows(db, 20)
    await db.close()
  })

  test('new transactions have other numbers', async () => {
    const bench = await start()
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
    const { db } = await next(bench)
    expect(db.begin().id).toBeGreaterThan(named(db, 'one').id)
  })
})

describe('restart', () => {
  test('tells of it, and neither undoes nor ends it', async () => {
    const bench = await Bench.made()
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
    await bench.db.begin().put(bench.text, 'b', 'B')
    await bench.db.flush()
    const events: TraceEvent[] = []
    const { db } = await bench.crashed({ trace: (event) => events.push(event) })
    expect(db.recovery.analysis).toMatchObject({ inDoubt: 1, losers: 1, winnersWithoutEnd: 0 })
    const { id, preparedLsn } = named(db, 'one')
    const ofIt = events.filter((event) => 'txnId' in event && event.txnId === id)
    expect(ofIt).toEqual([{ kind: 'in-doubt', txnId: id, lsn: preparedLsn, name: 'one' }])
    expect(events.find(({ kind }) => kind === 'analysis')).toMatchObject({
      transactions: [{ txnId: id, status: 'prepared', lastLsn: preparedLsn }, { status: 'running' }],
    })
  })

  test('without an outcome it changes nothing after a clean close, however often', async () => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 200, 200)
    await prepared(bench.db, 'one', async (tx) => {
      for (let i = 0; i < 200; i++) await tx.put(bench.text, keyOf(i), 'x'.repeat(3000))
    })
    await bench.db.close()
    const before = imageOf(bench.disk)
    for (let round = 0; round < 3; round++) {
      const { db } = await Bench.open(bench.disk)
      expect(db.recovery.wasNeeded).toBe(false)
      expect(namesOf(db)).toEqual(['one'])
      await db.close()
      expect(imageOf(bench.disk)).toEqual(before)
    }
    const { db } = await Bench.open(bench.disk)
    await named(db, 'one').abort()
    await expectRows(db, 200, 200)
  })

  test('the room for its rollback is there after a clean close, although that has wiped what was recycled', async () => {
    const bench = await Bench.made({ checkpointBytes: 65_536 })
    await writeRows(bench.db, 0, 600, 800)
    for (let round = 0; round < 8; round++) await writeRows(bench.db, 600, 700, 2000)
    await bench.db.checkpoint()
    await settle()
    await prepared(bench.db, 'one', async (tx) => {
      for (let i = 0; i < 600; i++) await tx.put(bench.text, keyOf(i), 'y'.repeat(800))
    })
    await bench.db.close()
    const before = imageOf(bench.disk)
    await (await Bench.open(bench.disk)).db.close()
    expect(imageOf(bench.disk)).toEqual(before)
  })

  test('a close ends what is not prepared, and is clean', async () => {
    const bench = await Bench.made()
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
    await bench.db.begin().put(bench.text, 'b', 'B')
    const { db } = await bench.reopened()
    expect(db.recovery.wasNeeded).toBe(false)
    expect(namesOf(db)).toEqual(['one'])
    await named(db, 'one').commit()
    expect(await rowsOf(db)).toEqual({ a: 'A' })
  })

  test('on a read-only medium it is listed and keeps its locks, and cannot be ended', async () => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 3)
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, keyOf(1), 'A'))
    await bench.db.close()
    bench.disk.readOnly = true
    const after = await Bench.open(bench.disk)
    expect(namesOf(after.db)).toEqual(['one'])
    expect(await after.isLocked((tx) => tx.get(after.text, keyOf(1)))).toBe(true)
    await expectFailure(() => named(after.db, 'one').commit(), 'DB_READ_ONLY', 'read-only')
    await expectFailure(() => named(after.db, 'one').abort(), 'DB_READ_ONLY', 'read-only')
    await expectFailure(() => after.db.begin().prepare('two'), 'DB_READ_ONLY', 'read-only')
    await after.db.close()
  })

  test.each(['commit', 'abort'] as const)('a crash at any change during %s: in doubt or ended', async (verb) => {
    const seen = { open: 0, ended: 0, acknowledged: 0 }
    for (let after = 1; ; after++) {
      const bench = await Bench.made()
      await writeRows(bench.db, 0, 10, 300)
      await prepared(bench.db, 'one', async (tx) => {
        for (let i = 0; i < 10; i++) await tx.put(bench.text, keyOf(i), 'x'.repeat(700))
        await tx.dropTable(bench.text)
      })
      await bench.db.checkpoint()
      bench.disk.crashAfter(after)
      const isDone = await isFulfilled(named(bench.db, 'one')[verb]())
      await bench.db.close().catch(() => undefined)
      if (!bench.disk.poweredOff) break
      for (const mode of ['none', 'all'] as const) {
        const { db, disk } = await Bench.open(bench.disk.crash({ mode }))
        const isOpen = namesOf(db).length > 0
        if (isDone) expect(isOpen, `after ${after}`).toBe(false)
        if (isOpen) await named(db, 'one')[verb]()
        seen[isOpen ? 'open' : isDone ? 'acknowledged' : 'ended']++
        if (verb === 'abort') await expectRows(db, 10, 300)
        else expect(await db.tables()).toEqual([])
        await db.close()
        expect((await Bench.open(disk)).db.check()).toEqual([])
      }
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0)
  })

  test('a crash at any change during prepare leaves it in doubt or rolled back', async () => {
    const outcomes = new Set<boolean>()
    for (let after = 1; ; after++) {
      const bench = await Bench.made()
      await writeRows(bench.db, 0, 3)
      const tx = bench.db.begin()
      await tx.put(bench.text, keyOf(3), textOf(3))
      bench.disk.crashAfter(after)
      const isDone = await isFulfilled(tx.prepare('one'))
      if (!bench.disk.poweredOff) break
      for (const mode of ['none', 'all'] as const) {
        const { db } = await Bench.open(bench.disk.crash({ mode }))
        const isOpen = namesOf(db).length > 0
        outcomes.add(isOpen)
        if (isDone) expect(isOpen).toBe(true)
        if (isOpen) await named(db, 'one').commit()
        await expectRows(db, isOpen ? 4 : 3)
        await db.close()
      }
    }
    expect(outcomes.size).toBe(2)
  })
})

describe('what it holds', () => {
  test('the log from its first record on, over closes and crashes, and no more once it has ended', async () => {
    let bench = await Bench.made({ checkpointBytes: 65_536 })
    const tx = bench.db.begin()
    await tx.put(bench.text, 'a', 'A')
    await tx.prepare('one')
    const work = async (): Promise<void> => {
      for (let round = 0; round < 8; round++) await writeRows(bench.db, 0, 100, 2000)
      await bench.db.checkpoint()
      await settle()
    }
    await work()
    bench = await bench.reopened()
    await work()
    bench = await bench.crashed()
    await work()
    const { log } = bench.db.stats()
    expect(log.oldestRequiredBy).toBe('transaction')
    expect(log.oldestRequiredLsn).toBeLessThanOrEqual(named(bench.db, 'one').preparedLsn)
    await named(bench.db, 'one').abort()
    await expectRows(bench.db, 100, 2000)
    await work()
    const after = bench.db.stats().log
    expect(after.oldestRequiredLsn).toBeGreaterThan(log.oldestRequiredLsn)
    expect(after.fileBytes).toBeLessThan(log.fileBytes)
  })

  test('the log right after a clean open, before there is a new checkpoint', async () => {
    const bench = await Bench.made({ checkpointBytes: 65_536 })
    await prepared(bench.db, 'one', (tx) => tx.put(bench.text, 'a', 'A'))
    for (let round = 0; round < 8; round++) await writeRows(bench.db, 0, 100, 2000)
    const after = await bench.reopened()
    await settle()
    after.db.stats()
    await after.text.put('z', 'Z')
    await settle()
    const { db } = await after.crashed()
    await named(db, 'one').abort()
    expect(db.check()).toEqual([])
  })

  test.each(LIVES)('room to be rolled back on a full disk, %s', async (_, next) => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 300, 200)
    await prepared(bench.db, 'one', async (tx) => {
      for (let i = 0; i < 300; i++) await tx.put(bench.text, keyOf(i), 'y'.repeat(100))
    })
    const held = bench.db.stats().log.reservedBytes
    const { db, disk, text } = await next(bench)
    expect(db.stats().log.reservedBytes).toBe(held)
    fill(disk)
    const full = db.begin()
    await putUntilFull(full, text, 3000)
    await full.abort()
    await named(db, 'one').abort()
    await expectRows(db, 300, 200)
  })

  test.each(LIVES)('few locks for many keys, %s', async (_, next) => {
    const options = { escalateLocksAt: 16 }
    const bench = await Bench.made(options)
    await writeRows(bench.db, 0, 300)
    await prepared(bench.db, 'all', (tx) => tx.clear(bench.text))
    await prepared(bench.db, 'made and dropped', async (tx) => {
      for (const name of ['made', 'dropped']) {
        for (let i = 0; i < 100; i++) await tx.put(textTable(bench.db, name), keyOf(i), 'x')
        await tx.clear(textTable(bench.db, name), { lt: keyOf(50) })
      }
      await tx.dropTable(textTable(bench.db, 'dropped'))
    })
    const after = await next(bench)
    expect(after.db.stats().locks.held).toBeLessThan(30)
    expect(await after.isLocked((tx) => tx.get(after.text, keyOf(7)))).toBe(true)
    await settle()
    await named(after.db, 'made and dropped').abort()
    await named(after.db, 'all').abort()
    await expectRows(after.db, 300)
  })

  test.each(LIVES)('locks on keys where others have changed the table, %s', async (_, next) => {
    const bench = await Bench.made({ escalateLocksAt: 16 })
    await writeRows(bench.db, 0, 300)
    await prepared(bench.db, 'first', (tx) => tx.put(bench.text, keyOf(0), 'x'))
    await prepared(bench.db, 'second', (tx) => tx.clear(bench.text, { gte: keyOf(100), lt: keyOf(200) }))
    const after = await next(bench)
    expect(await after.isLocked((tx) => tx.put(after.text, keyOf(1), 'x'))).toBe(false)
    for (const i of [0, 100, 150, 199]) {
      expect(await after.isLocked((tx) => tx.get(after.text, keyOf(i))), `${i}`).toBe(true)
    }
    await named(after.db, 'second').abort()
    await named(after.db, 'first').abort()
    await expectRows(after.db, 300)
  })

  test('the ghosts of its deletes', async () => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 50)
    await prepared(bench.db, 'one', (tx) => tx.clear(bench.text))
    const { db } = await bench.crashed()
    // In their leaf there is soon no room left but theirs.
    await writeRows(db, 50, 400)
    await named(db, 'one').abort()
    await expectRows(db, 400)
  })

  test('several at a time, each its own', async () => {
    const bench = await Bench.made()
    await writeRows(bench.db, 0, 4)
    for (let i = 0; i < 4; i++) await prepared(bench.db, `t${i}`, (tx) => tx.put(bench.text, keyOf(i), `new ${i}`))
    let { db } = await bench.crashed()
    expect(namesOf(db)).toEqual(['t0', 't1', 't2', 't3'])
    await named(db, 't2').commit()
    await named(db, 't0').abort()
    ;({ db } = await (await Bench.open(bench.disk.crash({ mode: 'kill' }))).crashed())
    expect(namesOf(db)).toEqual(['t0', 't1', 't2', 't3'])
    await named(db, 't2').commit()
    await named(db, 't0').abort()
    for (const name of ['t1', 't3']) await named(db, name).commit()
    expect(await rowsOf(db)).toEqual({
      [keyOf(0)]: textOf(0),
      [keyOf(1)]: 'new 1',
      [keyOf(2)]: 'new 2',
      [keyOf(3)]: 'new 3',
    })
  })
})
