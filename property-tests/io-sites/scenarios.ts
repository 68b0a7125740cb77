/**
 * What the engine is made to do while the disk fails: together the scenarios come past every place that
 * calls the port, also those that only a half-made, damaged, read-only or old database leads to.
 */
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME } from '../../src/buffer/double-write.ts'
import { CREATING_FILE_NAME } from '../../src/database/files.ts'
import { locate } from '../../src/database/locate.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { MASTER_FILE_NAME } from '../../src/log/master-record.ts'
import { NEW_SEGMENT_NAME, segmentName, segmentNumberOf } from '../../src/log/segment.ts'
import { diskOf, makeSpecimens, type Specimen, type SpecimenName } from '../damage/specimen.ts'
import { SEGMENT_BYTES, tableOf } from '../lab.ts'
import type { Content, Effect } from '../model.ts'
import { Session } from './session.ts'
import { SiteFileSystem } from './site-file-system.ts'

export interface Scenario {
  readonly name: string
  readonly disk: SimulatedFileSystem
  /** What the database holds at the beginning. */
  readonly content: Content
  readonly options?: OpenOptions
  /** Done to each copy of the disk. */
  readonly prepare?: (disk: SimulatedFileSystem) => void
  /** What opening fails with even when no call is made to. */
  readonly fails?: string
  readonly run: (session: Session) => Promise<void>
}

const keyOf = (index: number): string => `key-${String(index).padStart(3, '0')}`
const rows = (from: number, count: number, length: number | undefined): [string, number | undefined][] =>
  Array.from({ length: count }, (_, i) => [keyOf(from + i), length])

/** Opens, writes a little, closes. */
async function brief(session: Session): Promise<void> {
  if (!(await session.open())) return
  await session.check()
  await session.write('plain', rows(3, 4, 300))
  await session.close()
}

/** Opens and waits for the background work, which recycles a segment a turn. */
async function patient(session: Session): Promise<void> {
  if (!(await session.open())) return
  for (let i = 0; i < 6; i++) {
    await session.write('plain', rows(i, 1, 300))
    await session.step('checkpoint', () => session.db.checkpoint())
  }
  await session.close()
}

/** Opens, reads, closes. */
async function readOnly(session: Session): Promise<void> {
  if (!(await session.open())) return
  await session.step('read', () => tableOf(session.db, 'plain').count())
  await session.close()
}

/** Closes while the sync of the segment is under way that the background makes. */
async function hasty(session: Session): Promise<void> {
  const { disk } = session.fileSystem
  disk.runtime = session.runtime
  // The first is the one that the database is made with.
  disk.inject('sync', { effect: 'slow', delayMs: 5 }, { file: /^log-new$/, skip: 1 })
  if (!(await session.open())) return
  await session.write('plain', rows(0, 4, 300))
  await session.close()
}

/** Everything that a running database does, in little memory and small segments. */
async function work(session: Session): Promise<void> {
  if (!(await session.open())) return
  for (let round = 0; round < 4; round++) {
    await session.write('plain', rows(round * 12, 18, 250))
    await session.write('long', rows(round, 2, 14_000))
    await session.write('plain', rows(round * 10, 6, undefined))
  }
  await together(session)
  await rolledBack(session)
  await session.step('checkpoint', () => session.db.checkpoint())
  await session.write('other', rows(0, 30, 900))
  await session.write('long', rows(0, 3, undefined))
  await session.step('read', () => tableOf(session.db, 'plain').count())
  await session.write('long', rows(20, 3, 16_000))
  await session.step('flush', () => session.db.flush())
  await session.close()
}

/** Commits that share a flush. */
async function together(session: Session): Promise<void> {
  await session.step('commits together', async () => {
    const begun = []
    for (let i = 0; i < 3; i++) {
      const tx = session.db.begin()
      const [table, key, value] = ['plain', keyOf(200 + i), new Uint8Array(100).fill(i)] as const
      await tx.put(tableOf(session.db, table), key, value)
      begun.push({ tx, effects: [{ kind: 'put', table, key, value }] satisfies Effect[] })
    }
    const results = await Promise.allSettled(begun.map(({ tx, effects }) => session.commit(tx, effects)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  })
}

async function rolledBack(session: Session): Promise<void> {
  await session.step('a transaction that rolls back', async () => {
    const tx = session.db.begin()
    try {
      for (let i = 0; i < 20; i++) await tx.put(tableOf(session.db, 'plain'), keyOf(i), new Uint8Array(400))
      const savepoint = await tx.savepoint()
      await tx.put(tableOf(session.db, 'long'), keyOf(9), new Uint8Array(20_000))
      await tx.rollbackTo(savepoint)
    } finally {
      await tx.abort()
    }
  })
}

/** A long transaction has held a dozen segments; now they are more than are kept. */
async function manySegments(): Promise<SimulatedFileSystem> {
  const disk = new SimulatedFileSystem()
  const session = new Session(new SiteFileSystem(disk), '', { poolBytes: 1 << 21, checkpointBytes: 1 << 24 })
  await session.open()
  const tx = session.db.begin()
  for (let i = 0; i < 40; i++) await tx.put(tableOf(session.db, 'long'), keyOf(i), new Uint8Array(16_000))
  await tx.abort()
  await session.db.flush()
  return disk.crash({ mode: 'kill' })
}

/** A database that was being made when the power failed, with files of the attempt before. */
function halfMade(): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  for (const name of [CREATING_FILE_NAME, DATA_FILE_NAME, segmentName(0), NEW_SEGMENT_NAME]) {
    disk.placeFile(name, new Uint8Array(name === CREATING_FILE_NAME ? 0 : 100))
  }
  return disk
}

/** Behind the end of the log lie a part of a batch, and later segments of nobody. */
function untidy(specimen: Specimen): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  makeWhole(disk)
  const last = Math.max(...[...specimen.files.keys()].map((name) => segmentNumberOf(name) ?? 0))
  disk.damage(endSegmentOf(disk), { kind: 'garbage', offset: SEGMENT_BYTES - 1000, length: 500, seed: 1 })
  disk.placeFile(segmentName(last + 2), new Uint8Array(SEGMENT_BYTES).fill(1))
  return disk
}

/** As an open leaves the log of a closed database, before anything is written. */
function makeWhole(disk: SimulatedFileSystem): void {
  const { master, segments } = locate(disk)
  segments.wipeFrom(master.endLsn)
  segments.close()
}

function withHalfMadeSegment(specimen: Specimen): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  disk.placeFile(NEW_SEGMENT_NAME, new Uint8Array(100))
  return disk
}

/** The master record can be looked at, made durable, and then not be opened any more. */
function withoutHandles(disk: SimulatedFileSystem): void {
  disk.failNext('open', { file: /^master$/, skip: 2, errno: 'EMFILE', times: Number.POSITIVE_INFINITY })
}

/** What is made anew does not become durable, and so is removed again. */
function withoutDurableNames(disk: SimulatedFileSystem): void {
  // The first is that of what was there already.
  disk.failNext('syncDirectory', { errno: 'EIO', skip: 1 })
}

function withMarker(specimen: Specimen): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  disk.placeFile(CREATING_FILE_NAME, new Uint8Array(0))
  return disk
}

/** A marker that has come back beside a master record that holds something and is not valid. */
function withDamagedMaster(specimen: Specimen): SimulatedFileSystem {
  const disk = withMarker(specimen)
  disk.damage(MASTER_FILE_NAME, {
    kind: 'garbage',
    offset: 0,
    length: disk.contentOf(MASTER_FILE_NAME).length,
    seed: 1,
  })
  return disk
}

function without(specimen: Specimen, ...names: string[]): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  for (const name of names) disk.damage(name, { kind: 'missing' })
  return disk
}

function readOnlyDisk(specimen: Specimen): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  disk.readOnly = true
  return disk
}

/** The segment in which the log ends after a clean shutdown, and in which the last checkpoint is. */
function endSegmentOf(disk: SimulatedFileSystem): string {
  const { master, segments } = locate(disk)
  const number = segments.numberOf(master.checkpointLsn)
  segments.close()
  return segmentName(number)
}

/** The segment of the checkpoint that the master record names is sound only in its header. */
function withoutCheckpoint(specimen: Specimen): SimulatedFileSystem {
  const disk = diskOf(specimen.files)
  const name = endSegmentOf(disk)
  disk.damage(name, { kind: 'zeros', offset: 64, length: disk.contentOf(name).length - 64 })
  return disk
}

export async function makeScenarios(): Promise<Scenario[]> {
  const specimens = await makeSpecimens(1)
  const [torn, closed] = ['torn', 'closed'].map((name) => specimens.get(name as SpecimenName) as Specimen) as [
    Specimen,
    Specimen,
  ]
  const content = closed.states.at(-1) as Content
  const nothing: Content = new Map()
  const bare = [MASTER_FILE_NAME, DOUBLE_WRITE_FILE_NAME]
  return [
    { name: 'make', disk: new SimulatedFileSystem(), content: nothing, run: brief },
    { name: 'close at once', disk: new SimulatedFileSystem(), content: nothing, run: hasty },
    { name: 'make again', disk: halfMade(), content: nothing, run: brief },
    { name: 'made but for the marker', disk: withMarker(closed), content, run: brief },
    { name: 'made, and the master damaged', disk: withDamagedMaster(closed), content, run: brief },
    { name: 'work', disk: withHalfMadeSegment(closed), content, run: work },
    { name: 'restart', disk: diskOf(torn.files), content, run: brief },
    { name: 'untidy log', disk: untidy(closed), content, run: brief },
    { name: 'many segments', disk: await manySegments(), content: nothing, run: patient },
    { name: 'no master', disk: without(closed, ...bare), content, run: brief },
    {
      name: 'no master that stays',
      disk: without(closed, ...bare),
      content,
      prepare: withoutDurableNames,
      fails: 'IO_ERROR',
      run: readOnly,
    },
    { name: 'no double-write', disk: diskOf(closed.files), content, options: { doubleWrite: false }, run: brief },
    {
      name: 'no double-write any more',
      disk: diskOf(torn.files),
      content,
      options: { doubleWrite: false },
      run: brief,
    },
    { name: 'read-only', disk: readOnlyDisk(closed), content, run: readOnly },
    {
      name: 'no handles',
      disk: diskOf(closed.files),
      content,
      prepare: withoutHandles,
      fails: 'IO_ERROR',
      run: readOnly,
    },
    { name: 'no checkpoint', disk: withoutCheckpoint(closed), content, fails: 'LOG_CORRUPT', run: readOnly },
  ]
}
