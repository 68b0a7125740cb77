/** All engines, ours first. */
import { aries } from './aries.ts'
import type { Engine } from './engine.ts'
import { classicLevel } from './level.ts'
import { lmdb, lmdbNotOverlapping, lmdbSync } from './lmdb.ts'
import { rocksdb } from './rocksdb.ts'
import { betterSqlite, groupedSqlite } from './sqlite.ts'
import { sqliteWasm } from './sqlite-wasm.ts'

export const OURS = aries.id

export const engines: readonly Engine[] = [
  aries,
  betterSqlite,
  groupedSqlite,
  lmdb,
  lmdbSync,
  lmdbNotOverlapping,
  classicLevel,
  rocksdb,
  sqliteWasm,
]

/** By its name or the beginning of it: `aries`, `classic`. */
export function engineOf(id: string): Engine {
  const engine = engines.find((each) => each.id === id) ?? engines.find((each) => each.id.startsWith(id))
  if (engine === undefined) throw new Error(`unknown engine ${id}; there are ${engines.map((e) => e.id).join(', ')}`)
  return engine
}
