/** Actions that wait for a commit: carried out once, in order, also over crashes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { setU53 } from '../../src/common/bytes.ts'
import { AriesError } from '../../src/common/errors.ts'
import { asLsn, asTxnId, NULL_LSN } from '../../src/common/ids.ts'
import { RecordType } from '../../src/log/log-record.ts'
import { analyse } from '../../src/recovery/analysis.ts'
import { TransactionEntry } from '../../src/recovery/transaction-table.ts'
import { logPending, PendingQueue, readPending } from '../../src/txn/pending-actions.ts'
import { FIRST_LSN } from '../log/support.ts'
import { RecoveryBench } from '../recovery/support.ts'

/** A committed transaction with some actions. */
function committed(
  r: RecoveryBench,
  ...names: string[]
): { entry: TransactionEntry; actions: ReturnType<typeof logPending>[] } {
  const entry = r.begin()
  const actions = names.map((name) => logPending(r.writer, entry, new TextEncoder().encode(name)))
  r.bench.log.reserve(0, 64)
  const at = r.writer.append(entry, RecordType.COMMIT, NULL_LSN, 8)
  setU53(r.writer.log.view, at, entry.lastPendingLsn)
  r.writer.finish()
  return { entry, actions }
}

/** The entry of a transaction whose first record is there. */
function entryFrom(firstLsn: number): TransactionEntry {
  const entry = new TransactionEntry(asTxnId(firstLsn))
  entry.firstLsn = asLsn(firstLsn)
  return entry
}

const nameOf = (payload: Uint8Array): string => new TextDecoder().decode(payload)

/** A queue whose actions take two steps each and note them. */
function queueOf(
  r: RecoveryBench,
  steps: string[],
  failing?: string,
  isSeenByAll: (csn: number) => boolean = () => true,
): PendingQueue {
  const half = new Set<string>()
  const runStep = (payload: Uint8Array): boolean => {
    const name = nameOf(payload)
    if (name === failing) throw new AriesError('PAGE_CORRUPT', 'as if')
    steps.push(name)
    const isDone = half.has(name)
    half.add(name)
    return isDone
  }
  return new PendingQueue(r.writer, r.rollback, runStep, isSeenByAll)
}

describe('pending actions', () => {
  test('are carried out step by step in order, then the transaction ends', () => {
    const r = new RecoveryBench()
    const steps: string[] = []
    const queue = queueOf(r, steps)
    const { entry, actions } = committed(r, 'a', 'b')
    queue.add(entry, actions, 1)
    expect([queue.step(), queue.step(), queue.step()]).toEqual([true, true, true])
    expect(r.table.size).toBe(1)
    expect(queue.step()).toBe(false)
    expect(steps).toEqual(['a', 'a', 'b', 'b'])
    expect([r.table.size, queue.size]).toEqual([0, 0])
    r.bench.log.writeOut()
    expect(
      r.bench
        .scan()
        .records.slice(-3)
        .map((record) => record.type),
    ).toEqual([RecordType.PENDING_DONE, RecordType.PENDING_DONE, RecordType.END])
  })

  test('that were not done at a crash are found again, those that were are not', () => {
    for (let done = 0; done <= 6; done++) {
      const r = new RecoveryBench()
      const queue = queueOf(r, [])
      const { entry, actions } = committed(r, 'a', 'b', 'c')
      queue.add(entry, actions, 1)
      for (let i = 0; i < done; i++) queue.step()
      r.bench.log.writeOut()
      const found = analyse(r.bench.reader(), FIRST_LSN).transactions.get(entry.id)
      if (done === 6) {
        expect(found).toBe(undefined)
        continue
      }
      const left = readPending(r.bench.log, found!)
      expect(left.map((action) => nameOf(action.payload))).toEqual(['a', 'b', 'c'].slice(Math.floor(done / 2)))
    }
  })

  test('one that cannot go on does not hold up the others', () => {
    const r = new RecoveryBench()
    const steps: string[] = []
    const queue = queueOf(r, steps, 'bad')
    const first = committed(r, 'bad')
    const second = committed(r, 'good')
    queue.add(first.entry, first.actions, 1)
    queue.add(second.entry, second.actions, 1)
    expect(() => queue.step()).toThrow('PAGE_CORRUPT')
    queue.postpone()
    queue.step()
    queue.step()
    expect(steps).toEqual(['good', 'good'])
    expect([...r.table].map((entry) => entry.id)).toEqual([first.entry.id])
    expect(queue.size).toBe(1)
  })

  test('the oldest one held back says since when the log is kept', () => {
    const ends = fc.record({ firstLsn: fc.integer({ min: 1, max: 30 }), seen: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(ends), (commits) => {
        let seen = 0
        const queue = queueOf(new RecoveryBench(), [], undefined, (csn) => csn <= seen)
        for (const [i, commit] of commits.entries()) {
          queue.add(entryFrom(commit.firstLsn), [], i + 1)
          seen = Math.min(i + 1, seen + commit.seen)
          const heldBack = commits.slice(seen, i + 1).map(({ firstLsn }) => firstLsn)
          expect(queue.heldBackLsn).toBe(heldBack.length === 0 ? undefined : Math.min(...heldBack))
        }
      }),
    )
  })

  test('more are held back than a call takes arguments', () => {
    let seen = 0
    const queue = queueOf(new RecoveryBench(), [], undefined, (csn) => csn <= seen)
    for (let csn = 1; csn <= 150_000; csn++) queue.add(entryFrom(csn), [], csn)
    expect([queue.heldBackLsn, queue.size]).toEqual([1, 150_000])
    seen = 100_000
    expect([queue.heldBackLsn, queue.size]).toEqual([100_001, 150_000])
    seen = 150_000
    expect([queue.heldBackLsn, queue.size]).toEqual([undefined, 150_000])
  })

  test('those of a transaction that has none left to do, or none at all, end it', () => {
    const r = new RecoveryBench()
    const queue = queueOf(r, [])
    const { entry } = committed(r, 'a')
    queue.add(entry, [], 1)
    expect(queue.step()).toBe(false)
    expect(r.table.size).toBe(0)
    expect(queue.step()).toBe(false)
    expect(r.bench.log.nextLsn).toBeGreaterThan(asLsn(0))
  })
})
