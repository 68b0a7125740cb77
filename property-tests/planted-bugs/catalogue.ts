/** All planted bugs, by the manager they are in. */
import { BTREE_BUGS } from './btree.ts'
import { BUFFER_BUGS } from './buffer.ts'
import { DATABASE_BUGS } from './database.ts'
import { IN_DOUBT_BUGS } from './in-doubt.ts'
import { ISOLATION_BUGS } from './isolation.ts'
import { LOCK_BUGS } from './lock.ts'
import { LOG_BUGS } from './log.ts'
import type { PlantedBug } from './planted-bug.ts'
import { RECOVERY_BUGS } from './recovery.ts'
import { RUN_BUGS } from './runs-of-rows.ts'
import { SPACE_BUGS } from './space.ts'
import { TXN_BUGS } from './txn.ts'
import { VERSION_BUGS } from './versions.ts'

export const BUGS_BY_MANAGER: Readonly<Record<string, readonly PlantedBug[]>> = {
  log: LOG_BUGS,
  buffer: BUFFER_BUGS,
  recovery: RECOVERY_BUGS,
  txn: TXN_BUGS,
  lock: LOCK_BUGS,
  btree: BTREE_BUGS,
  runs: RUN_BUGS,
  space: SPACE_BUGS,
  database: DATABASE_BUGS,
  versions: VERSION_BUGS,
  prepared: IN_DOUBT_BUGS,
  isolation: ISOLATION_BUGS,
}

/** A bug and the manager it is in. */
export interface CataloguedBug extends PlantedBug {
  readonly manager: string
}

export const PLANTED_BUGS: readonly CataloguedBug[] = Object.entries(BUGS_BY_MANAGER).flatMap(([manager, bugs]) =>
  bugs.map((bug) => ({ ...bug, manager })),
)
