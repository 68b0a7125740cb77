/** What a lock costs that nobody is in the way of, and one transaction of very many rows in little memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { asTxnId } from '../src/common/ids.ts'
import { buffer, open } from '../src/index.ts'
import { nodeRuntime } from '../src/io/node-runtime.ts'
import { LockManager } from '../src/lock/lock-manager.ts'
import { LockMode } from '../src/lock/lock-mode.ts'
import { LockOwner } from '../src/lock/lock-owner.ts'
import { keyFor, valueFor } from './data.ts'

const LOCKS = 100_000
const BATCH_LOCKS = 1000
const ROUNDS = 10
const TREE = 7
const MIB = 1 << 20

const secondsSince = (startedMs: number): number => (performance.now() - startedMs) / 1000

/** The heap in use, once everything that nobody needs is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

/** Nanoseconds to take a lock and give it back in a transaction of a thousand, and bytes of one that is held. */
function lockCost(): { ns: number; bytes: number } {
  const locks = new LockManager(nodeRuntime, { tableSpace: 2, escalateAt: Number.POSITIVE_INFINITY })
  const keys = Array.from({ length: LOCKS }, (_, i) => keyFor(i))
  const makeOwner = () =>
    new LockOwner({
      txnId: asTxnId(1),
      startedMs: 0,
      logBytes: 0,
      attempt: 1,
      isRollingBack: false,
      preparedAs: undefined,
    })
  const lock = (owner: LockOwner, from: number, to: number): void => {
    for (let i = from; i < to; i++) locks.acquire(owner, TREE, keys[i] as Uint8Array, LockMode.X, 0)
  }
  let bestMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now()
    for (let start = 0; start < LOCKS; start += BATCH_LOCKS) {
      const owner = makeOwner()
      lock(owner, start, start + BATCH_LOCKS)
      locks.releaseAll(owner)
    }
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  const before = heapBytes()
  const owner = makeOwner()
  lock(owner, 0, LOCKS)
  const bytes = (heapBytes() - before) / LOCKS
  locks.releaseAll(owner)
  return { ns: (bestMs * 1e6) / LOCKS, bytes }
}

/** Puts `rows` rows into a table that is there, in one transaction with a pool of 8 MiB, and rolls them back. */
async function largeTransaction(
  directory: string,
  rows: number,
): Promise<{ putSeconds: number; abortSeconds: number; heapMib: number }> {
  const db = await open(directory, { createIfMissing: true, poolBytes: 8 * MIB, durability: 'lazy' })
  const table = db.table('rows', { key: buffer, value: buffer })
  await table.put(keyFor(rows), valueFor(0))
  const before = heapBytes()
  const startedMs = performance.now()
  const tx = db.begin()
  for (let i = 0; i < rows; i++) await tx.put(table, keyFor(i), valueFor(i))
  const putSeconds = secondsSince(startedMs)
  const heapMib = (heapBytes() - before) / MIB
  const abortedMs = performance.now()
  await tx.abort()
  const abortSeconds = secondsSince(abortedMs)
  await db.close()
  return { putSeconds, abortSeconds, heapMib }
}

export async function showLockCosts(rows: number): Promise<void> {
  const { ns, bytes } = lockCost()
  const figures: [string, number, string][] = [
    ['a lock taken and given back', ns, 'ns'],
    ['a lock that is held', bytes, 'bytes'],
  ]
  const directory = mkdtempSync(join(process.env['ARIES_BENCH_DIR'] ?? tmpdir(), 'aries-bench-'))
  try {
    const { putSeconds, abortSeconds, heapMib } = await largeTransaction(directory, rows)
    figures.push([`one transaction of ${rows} puts, 8 MiB pool`, rows / putSeconds, 'rows/s'])
    figures.push(['  heap that it takes', heapMib, 'MiB'])
    figures.push(['  its rollback', rows / abortSeconds, 'rows/s'])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  for (const [name, value, unit] of figures) {
    console.log(`${name.padEnd(44)} ${Math.round(value).toLocaleString('en-US').padStart(12)} ${unit}`)
  }
}
