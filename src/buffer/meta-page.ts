/**
 * The meta page, page 0 of the data file: which database this is, and of which age its pages are.
 *
 * | OFFSET | SIZE | FIELD                                                                          |
 * |--------|------|--------------------------------------------------------------------------------|
 * | 0      | 32   | page header; its pageLsn is the BEGIN_CHECKPOINT of the last checkpoint, or 0   |
 * | 32     | 8    | magic "ARIESDB\0"                                                              |
 * | 40     | 4    | format version                                                                 |
 * | 44     | 4    | page size                                                                      |
 * | 48     | 16   | database id                                                                    |
 * | 64     | ...  | zeros                                                                          |
 *
 * Each checkpoint writes it anew, durably, before the master record names that checkpoint. So a data file whose
 * meta page is older than the master record's checkpoint is an older copy: redo would begin behind changes that it
 * lacks. (Oracle compares the checkpoint in the headers of its data files with the one in its control file so.) All
 * that ever changes lies in its first sector, which a disk writes whole: it needs no copy in the double-write file.
 *
 * INVARIANT I39: the data file has seen the checkpoint that the master record names, and the log holds the last one
 * that it has seen.
 */
import { asPageId, type Lsn } from '../common/ids.ts'
import { FORMAT_VERSION, type Identity, makeIdentity } from '../log/identity.ts'
import { formatPage, PageType, sealPage, setPageLsn } from '../page/page.ts'

export const META_PAGE = asPageId(0)
/** Length of the meta page that is in use. */
export const META_BYTES = 64
const MAGIC = 'ARIESDB\0'
const META_MAGIC = 32
const META_VERSION = 40
const META_PAGE_SIZE = 44
const META_ID = 48

/** The meta page as the checkpoint at `checkpointLsn` leaves it. */
export function metaPage(identity: Identity, checkpointLsn: Lsn): Uint8Array {
  const { pageSize } = identity
  const bytes = new Uint8Array(pageSize)
  const view = new DataView(bytes.buffer)
  formatPage(bytes, view, 0, pageSize, META_PAGE, PageType.META)
  setPageLsn(view, 0, checkpointLsn)
  for (let i = 0; i < MAGIC.length; i++) bytes[META_MAGIC + i] = MAGIC.charCodeAt(i)
  view.setUint32(META_VERSION, FORMAT_VERSION, true)
  view.setUint32(META_PAGE_SIZE, pageSize, true)
  bytes.set(identity.databaseId, META_ID)
  sealPage(bytes, view, 0, pageSize, identity.databaseSeed)
  return bytes
}

export const formatVersionOf = (meta: DataView): number => meta.getUint32(META_VERSION, true)

/**
 * What the meta page says of its database, if these first bytes of the data file look like one: for tools
 * that have nothing better, because its checksum is not looked at. The meta page does not know the segment size.
 */
export function identityOfMetaPage(head: Uint8Array, segmentBytes: number): Identity | undefined {
  if (!startsAsDataFile(head)) return undefined
  const pageSize = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(META_PAGE_SIZE, true)
  return makeIdentity(head.slice(META_ID, META_BYTES), pageSize, segmentBytes)
}

/** Whether these first bytes of a file could be those of a data file. */
export function startsAsDataFile(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAGIC.length; i++) if (bytes[META_MAGIC + i] !== MAGIC.charCodeAt(i)) return false
  return true
}
