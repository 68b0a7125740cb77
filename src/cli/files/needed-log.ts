/** Which log the files of a database need, which was opened to be looked at. */
import { asLsn, NULL_LSN } from '../../common/ids.ts'
import type { Database } from '../../index.ts'
import { type LowWaterMark, lowWaterMark } from '../../recovery/checkpoint.ts'

/**
 * From where on its next open needs the log. Recovery may have written pages and taken a checkpoint since, but in memory:
 * of the files, what it began with holds.
 */
export function neededLogOf(database: Database): LowWaterMark {
  const { analysis, redo } = database.recovery
  const { oldestRequiredLsn, oldestRequiredBy } = database.stats().log
  return lowWaterMark(
    analysis.startLsn,
    redo.startLsn === NULL_LSN ? [] : [redo.startLsn],
    oldestRequiredBy === 'transaction' ? [asLsn(oldestRequiredLsn)] : [],
  )
}
