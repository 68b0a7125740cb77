/**
 * The master record: where the last complete checkpoint begins. Two slots in one file, written in
 * turn, so that a torn write leaves the other one.
 *
 * | OFFSET | SIZE | FIELD (slot 0 at byte 0, slot 1 at byte 4096)                           |
 * |--------|------|-------------------------------------------------------------------------|
 * | 0      | 8    | magic "ARIESMST"                                                        |
 * | 8      | 4    | format version                                                          |
 * | 12     | 4    | page size                                                               |
 * | 16     | 4    | segment bytes                                                           |
 * | 20     | 4    | flags: bit 0 = clean shutdown, nothing follows endLsn                   |
 * | 24     | 16   | database id                                                             |
 * | 40     | 8    | sequence: the higher valid one counts                                   |
 * | 48     | 8    | checkpointLsn: its BEGIN_CHECKPOINT                                     |
 * | 56     | 8    | endLsn: the log was durable up to here when this was written            |
 * | 64     | 4    | pageCount: pages the data file durably had                              |
 * | 68     | 4    | CRC-32 of bytes [0, 68)                                                 |
 *
 * INVARIANT I13: the checkpoint it names is durable to its end before the master is written.
 */
import { assert } from '../common/assert.ts'
import { getU53, setU53 } from '../common/bytes.ts'
import { checksum } from '../common/checksum.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { closeFile, type File, readTwice, writeFully } from '../io/file-system.ts'
import { FORMAT_VERSION, type Identity, makeIdentity } from './identity.ts'

export const MASTER_FILE_NAME = 'master'
const MAGIC = 'ARIESMST'
const SLOT_BYTES = 72
const SLOT_DISTANCE = 4096
export const MASTER_FILE_BYTES = 2 * SLOT_DISTANCE
const FLAG_CLEAN = 1

export interface MasterRecord {
  readonly sequence: number
  readonly checkpointLsn: Lsn
  readonly endLsn: Lsn
  readonly pageCount: number
  readonly isClean: boolean
}

/** What the two slots hold. */
export interface MasterContent {
  /** The valid slots, newest first. */
  readonly records: readonly { readonly master: MasterRecord; readonly identity: Identity }[]
  /** Slots that hold something, but nothing valid. */
  readonly damagedSlots: number
  /** False when nothing in the file looks like a master record, not even a damaged one. */
  readonly isOurs: boolean
}

function encode(identity: Identity, master: MasterRecord): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i)
  view.setUint32(8, FORMAT_VERSION, true)
  view.setUint32(12, identity.pageSize, true)
  view.setUint32(16, identity.segmentBytes, true)
  view.setUint32(20, master.isClean ? FLAG_CLEAN : 0, true)
  bytes.set(identity.databaseId, 24)
  setU53(view, 40, master.sequence)
  setU53(view, 48, master.checkpointLsn)
  setU53(view, 56, master.endLsn)
  view.setUint32(64, master.pageCount, true)
  view.setUint32(68, checksum(bytes, 0, 68, 0), true)
  return bytes
}

/**
 * Reads both slots.
 * @throws `FORMAT_UNSUPPORTED` for a master record of another version
 */
export function readMaster(file: File): MasterContent {
  const records: { master: MasterRecord; identity: Identity }[] = []
  let damagedSlots = 0
  let strangers = 0
  let emptySlots = 0
  for (let slot = 0; slot < 2; slot++) {
    const bytes = new Uint8Array(SLOT_BYTES)
    const count = readTwice(file, bytes, 0, SLOT_BYTES, slot * SLOT_DISTANCE)
    if (bytes.every((byte) => byte === 0)) {
      if (count < SLOT_BYTES) damagedSlots++
      else emptySlots++
      continue
    }
    const found = decode(bytes, file.name)
    if (found === 'damaged') damagedSlots++
    else if (found === 'stranger') strangers++
    else records.push(found)
  }
  records.sort((a, b) => b.master.sequence - a.master.sequence)
  // Both slots have been written once there is a second record: what is empty then was lost.
  if ((records[0]?.master.sequence ?? 0) > 1) damagedSlots += emptySlots
  const isOurs = records.length + damagedSlots > 0
  return { records, damagedSlots: damagedSlots + strangers, isOurs }
}

function decode(
  bytes: Uint8Array,
  file: string,
): { master: MasterRecord; identity: Identity } | 'damaged' | 'stranger' {
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC.charCodeAt(i)) return 'stranger'
  if (view.getUint32(68, true) !== checksum(bytes, 0, 68, 0)) return 'damaged'
  const version = view.getUint32(8, true)
  if (version !== FORMAT_VERSION) {
    throw new AriesError(
      'FORMAT_UNSUPPORTED',
      `the database has format ${version}; this build reads and writes format ${FORMAT_VERSION}; use the version of aries-db that made it`,
      { file, version },
    )
  }
  return {
    identity: makeIdentity(bytes.slice(24, 40), view.getUint32(12, true), view.getUint32(16, true)),
    master: {
      isClean: (view.getUint32(20, true) & FLAG_CLEAN) !== 0,
      sequence: getU53(view, 40),
      checkpointLsn: asLsn(getU53(view, 48)),
      endLsn: asLsn(getU53(view, 56)),
      pageCount: view.getUint32(64, true),
    },
  }
}

/**
 * Writes master records, slot by slot in turn. What was found when the database was opened may have been read
 * from the system's cache only, while the disk still names an older checkpoint: before the log that
 * one needs goes, and before a new record is written, it is repeated.
 */
export class MasterWriter {
  readonly #file: File
  readonly #identity: Identity
  readonly #failStop: FailStop
  #sequence: number
  /** What was read when the database was opened, until the first write. */
  #found: MasterRecord | undefined

  /** `found` is the newest record, when it was read without a doubt. */
  constructor(file: File, identity: Identity, failStop: FailStop, lastSequence: number, found?: MasterRecord) {
    this.#file = file
    this.#identity = identity
    this.#failStop = failStop
    this.#sequence = lastSequence
    this.#found = found
  }

  /**
   * Makes `master` the current one, durably. The log must be durable up to `endLsn` (I13).
   * Rejects with `DB_FAILED` when the write or sync fails.
   */
  async write(master: Omit<MasterRecord, 'sequence'>): Promise<void> {
    assert(master.checkpointLsn < master.endLsn, 'the master names a checkpoint that the log holds (I13)')
    this.#failStop.check()
    const sequence = this.#sequence + 1
    try {
      this.repeatFound()
      this.#put({ ...master, sequence })
      await this.#file.sync()
    } catch (error) {
      throw this.#failStop.fail(error)
    }
    this.#failStop.check()
    this.#sequence = sequence
  }

  /** Makes durable what was found, once. @throws `DB_FAILED` */
  repeatFound(): void {
    if (this.#found === undefined) return
    this.#failStop.check()
    try {
      this.#put(this.#found)
      this.#file.syncBlocking()
    } catch (error) {
      throw this.#failStop.fail(error)
    }
    this.#found = undefined
  }

  #put(master: MasterRecord): void {
    const bytes = encode(this.#identity, master)
    writeFully(this.#file, bytes, 0, SLOT_BYTES, (master.sequence % 2) * SLOT_DISTANCE)
  }

  close(): void {
    closeFile(this.#file)
  }
}
