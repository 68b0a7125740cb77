/** All measurements, in the order in which they run and are shown. */
import type { Measurement } from '../measurement.ts'
import { durability } from './durability.ts'
import { growth } from './growth.ts'
import { reads } from './reads.ts'
import { responsiveness } from './responsiveness.ts'
import { restart } from './restart.ts'
import { snapshots } from './snapshots.ts'
import { writes } from './writes.ts'
import { ycsb } from './ycsb.ts'

export const measurements: readonly Measurement[] = [
  ...writes,
  ...reads,
  ...ycsb,
  ...restart,
  ...responsiveness,
  ...snapshots,
  ...growth,
  ...durability,
]

export function measurementOf(id: string): Measurement {
  const measurement = measurements.find((each) => each.id === id)
  if (measurement === undefined) throw new Error(`unknown measurement ${id}`)
  return measurement
}
