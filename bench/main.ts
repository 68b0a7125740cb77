/**
 * A small benchmark: how fast the engine does what most programs do with it. Figures hold for the machine
 * they were taken on; compare them only with others taken in the same run.
 *
 *   npm run bench                      all of it
 *   npm run bench -- --only load,get   some of it
 *   npm run bench -- --rows 200000     smaller
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isolationCosts } from './isolation.ts'
import { largeTransaction, lockCost } from './locks.ts'
import { bulkLoad, durableCommits, randomGets, restartAfterKill, scan } from './workloads.ts'

const MIB = 1 << 20

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'load,get,scan,commit,restart,isolation,locks,large' },
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '3' },
  },
})
const wanted = new Set(values.only.split(','))
const rows = Number(values.rows)
const seconds = Number(values.seconds)

const figure = (name: string, value: number, unit: string): void => {
  console.log(`${name.padEnd(44)} ${Math.round(value).toLocaleString('en-US').padStart(12)} ${unit}`)
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'aries-bench-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (wanted.has('load')) {
  for (const order of ['ordered', 'random'] as const) {
    figure(`bulk load, ${order}`, await inDirectory((directory) => bulkLoad(directory, rows, order)), 'rows/s')
  }
}
if (wanted.has('get'))
  figure('random gets, cached', await inDirectory((directory) => randomGets(directory, rows, seconds)), 'gets/s')
if (wanted.has('scan')) figure('full scan, cached', await inDirectory((directory) => scan(directory, rows)), 'rows/s')
if (wanted.has('commit')) {
  for (const clients of [1, 64]) {
    const rate = await inDirectory((directory) => durableCommits(directory, clients, seconds))
    figure(`durable commits, ${clients} client${clients === 1 ? '' : 's'}`, rate, 'commits/s')
  }
}
if (wanted.has('restart')) {
  const result = await inDirectory((directory) => restartAfterKill(directory, 200 * MIB))
  figure(`restart with ${Math.round(result.logBytes / MIB)} MiB of log to redo`, result.ms, 'ms')
}
if (wanted.has('isolation')) {
  for (const { name, ns } of await isolationCosts())
    figure(name, ns[0], `ns of CPU (${ns[1].toFixed(0)}-${ns[2].toFixed(0)})`)
}
if (wanted.has('locks')) {
  const { ns, bytes } = lockCost()
  figure('a lock taken and given back', ns, 'ns')
  figure('a lock that is held', bytes, 'bytes')
}
if (wanted.has('large')) {
  const large = await inDirectory((directory) => largeTransaction(directory, rows))
  figure(`one transaction of ${rows} puts, 8 MiB pool`, rows / large.putSeconds, 'rows/s')
  figure('  heap that it takes', large.heapMib, 'MiB')
  figure('  its rollback', rows / large.abortSeconds, 'rows/s')
}
