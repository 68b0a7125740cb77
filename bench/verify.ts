/**
 * Is durable durable? Counts, with strace, what each engine asks of the disk for a durable put of one client:
 * calls of fsync, fdatasync and msync, and writes to files that were opened to be written through (O_SYNC,
 * O_DSYNC). Every put must cost at least one. Two runs, of which one makes 200 puts more than the other, and
 * the difference is shown: opening and closing sync too.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engines/engine.ts'
import type { Launcher } from './launch.ts'

const PUTS = 200
const FEW_PUTS = 20
const CALLS = 'fsync,fdatasync,msync,sync_file_range,openat,write,pwrite64,writev,pwritev,pwritev2'

interface Counts {
  /** fsync, fdatasync, msync(MS_SYNC). */
  readonly syncs: number
  readonly writesThrough: number
}

export interface Verified {
  readonly engine: string
  readonly syncsAPut: number
  readonly writesThroughAPut: number
  readonly isDurable: boolean
}

export function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export async function verifyDurability(engine: Engine, launcher: Launcher, directory: string): Promise<Verified> {
  const few = await countFor(engine, launcher, directory, FEW_PUTS)
  const many = await countFor(engine, launcher, directory, FEW_PUTS + PUTS)
  const syncsAPut = (many.syncs - few.syncs) / PUTS
  const writesThroughAPut = (many.writesThrough - few.writesThrough) / PUTS
  // A checkpoint more or less is no put.
  const isDurable = Math.round(syncsAPut * 10 + writesThroughAPut * 10) >= 10
  return { engine: engine.id, syncsAPut, writesThroughAPut, isDurable }
}

async function countFor(engine: Engine, launcher: Launcher, directory: string, puts: number): Promise<Counts> {
  const [traces, data] = [join(directory, 'traces'), join(directory, 'verified')]
  mkdirSync(traces, { recursive: true })
  try {
    const task = { step: 'putDurably', engine: engine.id, measurement: 'a', directory: data, puts } as const
    // One file a thread: lines of different threads then never cut each other.
    const behind = ['strace', '-ff', '-e', `trace=${CALLS}`, '-o', join(traces, 'trace')]
    await launcher.perform({ ...task, times: { warmUpMs: 0, windowMs: 0 }, scale: 1 }, behind)
    return countIn(readdirSync(traces).map((name) => readFileSync(join(traces, name), 'utf8')))
  } finally {
    for (const each of [traces, data]) rmSync(each, { recursive: true, force: true })
  }
}

function countIn(traces: readonly string[]): Counts {
  const all = traces.join('\n')
  const through = new Set([...all.matchAll(/^openat\(.*O_D?SYNC.*= (\d+)$/gm)].map((match) => match[1]))
  const writes = [...all.matchAll(/^(?:write|pwrite64|writev|pwritev2?)\((\d+),.*= \d+$/gm)]
  return {
    syncs: [...all.matchAll(/^(?:fsync|fdatasync)\(.*= 0$|^msync\(.*MS_SYNC.*= 0$/gm)].length,
    writesThrough: writes.filter((match) => through.has(match[1])).length,
  }
}
