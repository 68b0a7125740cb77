/** What is fixed when a database is created, and what every one of its files is checked against. */
import { checksum } from '../common/checksum.ts'

/** Version of all on-disk structures together. An older or newer one is refused. */
export const FORMAT_VERSION = 5

export interface Identity {
  /** 16 random bytes, so that a file of another database is told apart. */
  readonly databaseId: Uint8Array
  /** The checksum seed derived from `databaseId`. */
  readonly databaseSeed: number
  readonly pageSize: number
  readonly segmentBytes: number
}

export function makeIdentity(databaseId: Uint8Array, pageSize: number, segmentBytes: number): Identity {
  return { databaseId, databaseSeed: checksum(databaseId, 0, databaseId.length, 0), pageSize, segmentBytes }
}
