/** Logs that end earlier than they did. */
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { segmentName } from '../src/log/segment.ts'
import { SEGMENT_BYTES } from './lab.ts'

/** Replaces everything from `lsn` on by zeros, as if it had never reached the disk. */
export function cutLogAt(disk: SimulatedFileSystem, lsn: number, endLsn: number): void {
  for (let at = lsn; at < endLsn; ) {
    const number = Math.floor(at / SEGMENT_BYTES)
    const stop = Math.min(endLsn, (number + 1) * SEGMENT_BYTES)
    const file = disk.open(segmentName(number), 'write')
    file.writeAt(new Uint8Array(stop - at), 0, stop - at, at % SEGMENT_BYTES)
    file.syncBlocking()
    file.close()
    at = stop
  }
}
