/** How a database lies in its files: for a database that nobody has open. */
import Table from 'cli-table3'
import { CATALOG_TREE } from '../../btree/catalog.ts'
import type { DatabaseStats } from '../../index.ts'
import { neededLogOf } from '../files/needed-log.ts'
import { type FileSize, fileSizesOf, isSegment, totalBytes } from '../files/outline.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { shapeOfTree, type TreeShape } from '../files/tree-shape.ts'
import { openPartsToInspect } from '../open.ts'
import { counted, grouped, kibibytes, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'

const PAGES_A_REPORT = 256

export interface FileStats {
  readonly directory: string
  readonly pageSize: number
  readonly segmentBytes: number
  readonly wasClosedCleanly: boolean
  readonly files: readonly FileSize[]
  readonly log: Pick<DatabaseStats['log'], 'endLsn' | 'oldestRequiredLsn' | 'oldestRequiredBy'> & {
    readonly firstLsn: number
    /** Of the last checkpoint, as the master record has it. */
    readonly checkpointLsn: number | undefined
    /** What the next open reads and may have to redo. */
    readonly redoBytes: number
  }
  readonly pages: DatabaseStats['pages']
  readonly inDoubt: number
  readonly tables: readonly ({ readonly name: string; readonly tree: number } & TreeShape)[]
}

/** Looks, as all that only look, at a copy recovered in memory. @throws what `open` throws */
export async function fileStatsOf(directory: string): Promise<FileStats> {
  const raw = await rawStats(directory)
  const { database, opened } = await openPartsToInspect(directory)
  await using _closed = database
  const { btree, catalog } = opened.managers
  const { pages, transactions } = database.stats()
  const { wasNeeded, analysis, redo } = database.recovery
  const needed = neededLogOf(database)
  using bar = new ProgressBar()
  let nodes = 0
  const onPage = (): void => {
    if (++nodes % PAGES_A_REPORT === 0) bar.update('pages', nodes, pages.allocated ?? pages.inFile)
  }
  const readStart = redo.startLsn === 0 ? analysis.startLsn : Math.min(analysis.startLsn, redo.startLsn)
  return {
    directory,
    pageSize: opened.identity.pageSize,
    segmentBytes: opened.identity.segmentBytes,
    wasClosedCleanly: !wasNeeded,
    files: raw.files,
    log: {
      firstLsn: raw.firstLsn,
      checkpointLsn: raw.checkpointLsn,
      endLsn: analysis.endLsn,
      oldestRequiredLsn: needed.lsn,
      oldestRequiredBy: needed.holder,
      redoBytes: wasNeeded ? analysis.endLsn - readStart : 0,
    },
    pages,
    inDoubt: transactions.inDoubt,
    tables: [{ name: '(catalog)', tree: CATALOG_TREE }, ...catalog.list()].map(({ name, tree }) => {
      return { name, tree, ...shapeOfTree(btree, tree, onPage) }
    }),
  }
}

/** Whether something in it is not as it should be. */
export const isDamaged = ({ pages, tables }: FileStats): boolean =>
  pages.damaged.length > 0 || tables.some(({ damagedPages }) => damagedPages > 0)

async function rawStats(
  directory: string,
): Promise<{ files: FileStats['files']; firstLsn: number; checkpointLsn: number | undefined }> {
  using raw = await RawDatabase.open(directory)
  return {
    files: fileSizesOf(raw),
    firstLsn: raw.segments.firstLsn,
    checkpointLsn: raw.master.records[0]?.master.checkpointLsn,
  }
}

export function printFileStats({
  directory,
  pageSize,
  segmentBytes,
  wasClosedCleanly,
  files,
  log,
  pages,
  inDoubt,
  tables,
}: FileStats): void {
  printLine(directory)
  printLine(
    `  closed cleanly  ${wasClosedCleanly ? 'yes' : `no; the next open reads ${kibibytes(log.redoBytes)} of log`}`,
  )
  for (const { name, bytes } of files.filter((file) => !isSegment(file)))
    printLine(`  ${name.padEnd(15)} ${kibibytes(bytes)}`)
  const segments = files.filter(isSegment)
  printLine(
    `  log             ${kibibytes(totalBytes(segments))} in ${counted(segments.length, 'segment')} of ${kibibytes(segmentBytes)}`,
  )
  printLine(
    `                  from LSN ${log.firstLsn} to LSN ${log.endLsn}; checkpoint at ${log.checkpointLsn ?? 'an unknown place'}`,
  )
  printLine(`                  needed from LSN ${log.oldestRequiredLsn}, by the oldest ${log.oldestRequiredBy}`)
  const allocated = pages.allocated === undefined ? 'an unknown number' : grouped(pages.allocated)
  printLine(`  pages           ${allocated} allocated of ${grouped(pages.inFile)}, ${pageSize} bytes each`)
  if (pages.damaged.length > 0) printLine(`  damaged pages   ${pages.damaged.join(', ')}`)
  if (inDoubt > 0) {
    printLine(
      `  in doubt        ${counted(inDoubt, 'transaction')}; rows and ghosts are counted with what ${inDoubt === 1 ? 'it has' : 'they have'} changed`,
    )
  }
  const head = ['table', 'tree', 'rows', 'ghosts', 'height', 'leaves', 'inner', 'overflow', 'fill', 'damaged']
  const table = new Table({
    head,
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: [], border: [] },
  })
  for (const shape of tables) {
    const { rows, ghosts, height, leafPages, innerPages, overflowPages, damagedPages } = shape
    table.push([
      shape.name,
      shape.tree,
      ...[rows, ghosts, height, leafPages, innerPages, overflowPages].map(grouped),
      `${Math.round(shape.leafFill * 100)} %`,
      grouped(damagedPages),
    ])
  }
  printLine(table.toString())
}
