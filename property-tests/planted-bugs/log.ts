/** Planted bugs of the log manager: records, flushes, segments, the master record. */
import type { PlantedBug } from './planted-bug.ts'

const LOG_MANAGER = 'src/log/log-manager.ts'
const GROUP_FLUSH = 'src/log/group-flush.ts'
const LOG_READER = 'src/log/log-reader.ts'
const SEGMENTS = 'src/log/segments.ts'
const NEW_SEGMENT = 'src/log/new-segment.ts'
const MASTER_RECORD = 'src/log/master-record.ts'
const ANALYSIS = 'src/recovery/analysis.ts'

export const LOG_BUGS: readonly PlantedBug[] = [
  {
    name: 'flush-without-sync',
    invariant: 'I2',
    sentence:
      'A flush writes the log to the operating system and acknowledges without a sync, so a power cut takes the commit back.',
    file: GROUP_FLUSH,
    find: 'for (const file of files) await file.sync(isIdle)',
    replace: 'for (const file of files) await file.name',
  },
  {
    name: 'joins-flush-in-flight',
    invariant: 'I2',
    sentence: 'A commit joins the flush that is in flight, although that began before its record was written.',
    file: GROUP_FLUSH,
    find: 'if (this.#inFlight !== undefined && lsn < this.#inFlight.endLsn) {',
    replace: 'if (this.#inFlight !== undefined) {',
  },
  {
    name: 'durable-up-to-written',
    invariant: 'I2',
    sentence:
      'When a sync ends, all that is in the log by then counts as durable, also what was appended while it ran.',
    file: GROUP_FLUSH,
    find: 'this.#log.durableUpTo(endLsn,',
    replace: 'this.#log.durableUpTo(this.#log.writeOut(),',
    first: 'log-manager.property.test.ts',
  },
  {
    name: 'unsynced-forgotten-after-sync',
    invariant: 'I2',
    sentence:
      'The list of files to sync is emptied after the sync and not before, so a file written meanwhile is never synced.',
    file: GROUP_FLUSH,
    find: `    this.#log.unsynced.clear()
    for (const file of files) await file.sync(isIdle)`,
    replace: `    for (const file of files) await file.sync(isIdle)
    this.#log.unsynced.clear()`,
    first: 'log-manager.property.test.ts',
  },
  {
    name: 'forced-flush-syncs-last-segment-only',
    invariant: 'I1',
    sentence: 'A forced flush that spans two segments syncs only the second one.',
    file: LOG_MANAGER,
    find: 'const from = this.#segments.numberOf(this.#flushedLsn)',
    replace: 'const from = this.#segments.numberOf(Math.max(this.#flushedLsn, this.#writtenLsn - 1))',
  },
  {
    name: 'log-sync-error-swallowed',
    invariant: 'I28',
    sentence: 'The error of a failed sync of the log is dropped, and the commit is acknowledged.',
    file: GROUP_FLUSH,
    find: 'for (const file of files) await file.sync(isIdle)',
    replace: 'for (const file of files) await file.sync(isIdle).catch(() => undefined)',
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'log-sync-retried',
    invariant: 'I28',
    sentence:
      'A failed sync is tried again and succeeds, because the kernel has dropped the dirty pages and has nothing left to write.',
    file: GROUP_FLUSH,
    find: 'for (const file of files) await file.sync(isIdle)',
    replace: 'for (const file of files) await file.sync(isIdle).catch(() => file.sync())',
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'flush-marker-counts-itself',
    invariant: 'I31',
    sentence: 'The marker at the head of a batch says that its own batch is durable, so a torn tail looks like damage.',
    file: LOG_MANAGER,
    find: 'setU53(view, at + RECORD_HEADER_BYTES, this.#flushedLsn)',
    replace: 'setU53(view, at + RECORD_HEADER_BYTES, this.#bufferLsn + this.#tail)',
  },
  {
    name: 'flush-marker-of-nothing',
    invariant: 'I31',
    sentence:
      'The flush marker carries 0, so damage in the durable log looks like a torn tail and commits vanish silently.',
    file: LOG_MANAGER,
    find: 'setU53(view, at + RECORD_HEADER_BYTES, this.#flushedLsn)',
    replace: 'setU53(view, at + RECORD_HEADER_BYTES, 0)',
    first: 'log-damage.property.test.ts',
  },
  {
    name: 'reader-keeps-stale-block',
    invariant: 'I6',
    sentence:
      'When the log buffer starts anew, the reader keeps the block it had read before the records behind it were written.',
    file: LOG_MANAGER,
    find: 'this.#reader.reset()',
    replace: '',
  },
  {
    name: 'checksum-without-place',
    invariant: 'I24',
    sentence:
      'Checksums do not cover where the bytes belong, so old records of a recycled segment and misdirected pages pass.',
    file: 'src/common/checksum.ts',
    find: 'return (databaseSeed ^ low ^ high ^ Math.imul(length, 0x85eb_ca6b)) >>> 0',
    replace: 'return (databaseSeed ^ (low & high & 0) ^ Math.imul(length, 0x85eb_ca6b)) >>> 0',
  },
  {
    name: 'damage-taken-for-torn-tail',
    invariant: 'I18',
    sentence:
      'A later flush marker, which proves that the log went on, is not looked for, so damage in its middle cuts it silently.',
    file: ANALYSIS,
    find: 'provenEndLsn : reader.findProofBehind(endLsn)?.durableLsn',
    replace: 'provenEndLsn : undefined',
    first: 'log-damage.property.test.ts',
  },
  {
    name: 'master-proof-ignored',
    invariant: 'I18',
    sentence: 'A log that ends before what the master record says was durable is taken for a torn tail.',
    file: ANALYSIS,
    find: 'const proof = endLsn < provenEndLsn ? provenEndLsn : reader',
    replace: 'const proof = reader',
    first: 'log-damage.property.test.ts',
  },
  {
    name: 'bad-read-taken-for-the-end',
    invariant: 'I40',
    sentence:
      'A record that is read wrong once is where the log ends, so restart wipes it: the last commit, which nothing behind it proves, is gone.',
    file: LOG_READER,
    find: '    this.reset()\n    return this.#validAtOnce(lsn, backward)',
    replace: '    return undefined',
    first: 'failing-lives.property.test.ts',
  },
  {
    name: 'bad-read-written-back',
    invariant: 'I40',
    sentence:
      'What a restart writes again, because nothing proves it to be on the disk, it reads once, and a wrong bit of that reading is there to stay.',
    file: 'src/log/segments.ts',
    find: 'readTwice(file, bytes, 0, length, offset)',
    replace: 'readFully(file, bytes, 0, length, offset)',
    first: 'failing-lives.property.test.ts',
  },
  {
    name: 'torn-tail-taken-for-damage',
    invariant: 'I16',
    sentence: 'A marker that says the log was durable exactly up to the torn record counts as proof of damage.',
    file: LOG_READER,
    find: 'if (durableLsn !== undefined && durableLsn > endLsn) return',
    replace: 'if (durableLsn !== undefined && durableLsn >= endLsn) return',
    first: 'crash.property.test.ts',
  },
  {
    name: 'tail-not-wiped',
    invariant: 'I31',
    sentence:
      'What lies behind a torn tail is left in the files, and parses again once new records have filled the gap.',
    file: 'src/database/open.ts',
    find: 'segments.wipeFrom(analysis.endLsn)',
    replace: '',
    first: 'shortened-log.property.test.ts',
  },
  {
    name: 'new-segment-name-not-durable',
    invariant: 'I2',
    sentence:
      'A segment, made ahead or recycled, is used before the directory is synced after it got its name, so a power cut loses a synced file.',
    file: NEW_SEGMENT,
    find: 'await this.#fileSystem.syncNames()',
    replace: 'void this.#fileSystem.syncNames()',
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'needed-segment-name-not-durable',
    invariant: 'I2',
    sentence:
      'The directory is not synced after a segment that is needed at once got its name, so a power cut loses a synced file.',
    file: NEW_SEGMENT,
    find: `    this.#rename()
    this.#fileSystem.syncDirectory()`,
    replace: '    this.#rename()',
    first: 'log-manager.property.test.ts',
  },
  {
    name: 'new-segment-renamed-before-sync',
    invariant: 'I2',
    sentence:
      'A segment that is needed at once gets its name before its content is durable, and a crash leaves the name with an empty file.',
    file: NEW_SEGMENT,
    find: `    while (!this.fillPiece());
    this.#file?.syncBlocking()`,
    replace: '    while (!this.fillPiece());',
    first: 'log-manager.property.test.ts',
  },
  {
    name: 'prepared-segment-named-before-sync',
    invariant: 'I2',
    sentence:
      'A segment that the background makes, or recycles, gets its name before its content and header are durable.',
    file: NEW_SEGMENT,
    find: '    await this.#file?.sync()',
    replace: '',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'segment-used-before-its-sync',
    invariant: 'I2',
    sentence:
      'Who needs room while the background waits for the sync of the next segment takes it for durable, because it is written.',
    file: NEW_SEGMENT,
    find: `    await this.#file?.sync()
    this.#isSynced = true`,
    replace: `    this.#isSynced = true
    await this.#file?.sync()`,
    first: 'log-manager.property.test.ts',
  },
  {
    name: 'recycled-segment-counts-at-once',
    invariant: 'I2',
    sentence: 'The log goes on in a recycled segment before its new header and its new name are durable.',
    file: SEGMENTS,
    find: `        this.#new = new NewSegment(this.#fileSystem, this.#identity, this.#end, true)
`,
    replace: `        this.#present.add(this.#end++)
`,
    first: 'crash.property.test.ts',
  },
  {
    name: 'recycled-segment-without-header',
    invariant: 'I18',
    sentence: 'A recycled segment keeps the header of its earlier number.',
    file: NEW_SEGMENT,
    find: '    writeFully(file, encodeSegmentHeader(this.#identity, this.number), 0, SEGMENT_HEADER_BYTES, 0)',
    replace:
      '    if (rest > 0) writeFully(file, encodeSegmentHeader(this.#identity, this.number), 0, SEGMENT_HEADER_BYTES, 0)',
    first: 'crash.property.test.ts',
  },
  {
    name: 'master-not-synced',
    invariant: 'I13',
    sentence: 'The master record is written but not synced, and the log that only the old one needs is recycled.',
    file: MASTER_RECORD,
    find: 'await this.#file.sync()',
    replace: '',
    first: 'crash.property.test.ts',
  },
  {
    name: 'failed-master-goes-on',
    invariant: 'I28',
    sentence: 'A failed sync of the master record is reported to the caller of the checkpoint, but the engine goes on.',
    file: MASTER_RECORD,
    find: `      await this.#file.sync()
    } catch (error) {
      throw this.#failStop.fail(error)`,
    replace: `      await this.#file.sync()
    } catch (error) {
      throw error`,
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'segment-cut-before-its-mark',
    invariant: 'I38',
    sentence:
      'A close cuts the last segment off before the mark that says so is durable, so a crash leaves a damaged log.',
    file: SEGMENTS,
    find: `      this.#writeHeader(number, closedBytes)
      const file = this.file(number)
      file.truncate(closedBytes)
      file.syncBlocking()`,
    replace: `      const file = this.file(number)
      file.truncate(closedBytes)
      file.syncBlocking()
      this.#writeHeader(number, closedBytes)`,
    first: 'closed-log.property.test.ts',
  },
  {
    name: 'mark-cleared-before-the-zeros',
    invariant: 'I38',
    sentence: 'An open takes the closing mark away before the segment is whole again, so a crash leaves a damaged log.',
    file: SEGMENTS,
    find: `      writeZeros(file, from, this.segmentBytes)
      file.syncBlocking()
    }`,
    replace: `      this.#writeHeader(number, 0)
      writeZeros(file, from, this.segmentBytes)
      file.syncBlocking()
    }`,
    first: 'closed-log.property.test.ts',
  },
  {
    name: 'cleared-mark-believed',
    invariant: 'I38',
    sentence:
      'An open that finds no closing mark believes that the disk has none, so one whose clearing failed stays while the log goes on.',
    file: SEGMENTS,
    find: `    }
    this.#writeHeader(number, 0)`,
    replace: `      this.#writeHeader(number, 0)
    }`,
    first: 'failing-lives.property.test.ts',
  },
]
