/**
 * What is wrong with the files of a database as they lie there: the master record, the log, and where `open`
 * refuses, every page of the data file.
 */
import { asPageId } from '../../common/ids.ts'
import type { CheckProgress } from '../../index.ts'
import { MASTER_FILE_NAME } from '../../log/master-record.ts'
import { bitsPerMapPage, isBitSet, mapIndexOf, mapPageId } from '../../space/space-map.ts'
import { nextTurn } from '../turns.ts'
import { walkLog } from './log-scan.ts'
import { PageFile } from './page-file.ts'
import type { RawDatabase } from './raw-database.ts'

type OnProgress = (progress: CheckProgress) => void

const RECORDS_A_REPORT = 4_096
const PAGES_A_TURN = 64

/** Master record and log, one line for each problem. */
export async function checkLogFiles(raw: RawDatabase, onProgress: OnProgress): Promise<string[]> {
  const { segments } = raw
  const problems: string[] = []
  if (!raw.fileSystem.list().includes(MASTER_FILE_NAME)) problems.push(`${MASTER_FILE_NAME}: the file is missing`)
  else if (raw.master.damagedSlots > 0) {
    problems.push(`${MASTER_FILE_NAME}: ${raw.master.damagedSlots} of its 2 slots are damaged`)
  }
  let records = 0
  const total = segments.allocatedLsn - segments.firstLsn
  const record = ({ lsn }: { lsn: number }): boolean => {
    if (records++ % RECORDS_A_REPORT === 0) onProgress({ done: lsn - segments.firstLsn, total })
    return true
  }
  const { damage } = await walkLog(raw, 0, false, { record, gap: () => {} })
  if (damage === undefined) return problems
  // Where there is damage it is worth the time to find all of it.
  const gap = ({ fromLsn, toLsn, reason }: { fromLsn: number; toLsn: number; reason: string }): void => {
    problems.push(`log from LSN ${fromLsn} to LSN ${toLsn}: ${reason}`)
  }
  const end = await walkLog(raw, 0, true, { record, gap })
  if (end.damage !== undefined) problems.push(`log from LSN ${end.lsn}: ${end.damage}`)
  return problems
}

/** Every page that is in use and cannot be. */
export async function checkPageFile(raw: RawDatabase, onProgress: OnProgress): Promise<string[]> {
  using file = new PageFile(raw)
  const problems: string[] = []
  const total = file.pageCount
  for (let pageId = 0; pageId < total; pageId++) {
    if (pageId % PAGES_A_TURN === 0) {
      onProgress({ done: pageId, total })
      await nextTurn()
    }
    const page = file.read(pageId)
    if (page.faults.length === 0 || (page.isUnwritten && !isAllocated(raw, file, pageId))) continue
    const copies = file.copiesOf(page).length > 0 ? '; a whole copy is in the double-write file' : ''
    problems.push(`page ${pageId}: ${page.faults.join('; ')}${copies}`)
  }
  return problems
}

/** Whether the space map says so, where it can be read. */
function isAllocated({ identity }: RawDatabase, file: PageFile, pageId: number): boolean {
  const { pageSize } = identity
  const mapId = mapPageId(mapIndexOf(asPageId(pageId), pageSize), pageSize)
  if (mapId >= file.pageCount) return false
  const map = file.read(mapId)
  return map.faults.length === 0 && isBitSet(map.view, 0, pageId % bitsPerMapPage(pageSize))
}
