/**
 * Makes steps of what the engine tells and of what it does to the disk.
 *
 * A step is open until the next thing happens, because what follows from it at once belongs to it: the change of
 * the page to the record that was just appended, the new flushedLSN to the sync of the log. When it is closed,
 * the whole state is read, and so is what a crash at this moment could take.
 *
 * A crash strikes when the action has made so many steps. What the engine does after that is not heard: it is
 * the life of a machine that is off.
 */
import { DATA_FILE_NAME } from '../../../../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME } from '../../../../src/buffer/double-write.ts'
import type { TraceEvent } from '../../../../src/common/trace.ts'
import { describeEvent } from '../../../../src/common/trace-text.ts'
import { MASTER_FILE_NAME } from '../../../../src/log/master-record.ts'
import { segmentNumberOf } from '../../../../src/log/segment.ts'
import { changesBetween } from './changes.ts'
import type { EngineView } from './engine-view.ts'
import { writtenText } from './pending-writes.ts'
import type { Changes, EngineState, RestartView, Step } from './types.ts'
import type { DiskOperation, DiskWatcher } from './watched-disk.ts'
import { namedSentence, referenceOf, titleOf } from './words.ts'

interface Draft {
  kind: string
  title: string
  readonly sentences: string[]
  reference: string | undefined
  lsn: number | undefined
  readonly operation?: DiskOperation
}

const NO_CHANGES: Changes = { log: [], transactions: [], dirtyPages: [], pool: [], disk: [] }

export class Recorder implements DiskWatcher {
  readonly steps: Step[] = []
  readonly restarts: RestartView[] = []
  readonly #view: EngineView
  #open: Draft | undefined
  #actionIndex = -1
  #stepsOfAction = 0
  #strikesAfter = Number.POSITIVE_INFINITY
  #onStrike: () => void = () => {}
  #isOff = false

  constructor(view: EngineView) {
    this.#view = view
  }

  /** What happens from now on belongs to this action, until a crash strikes after so many steps of it. */
  startAction(index: number, strikesAfter: number, onStrike: () => void): void {
    this.#actionIndex = index
    this.#stepsOfAction = 0
    this.#strikesAfter = strikesAfter
    this.#onStrike = onStrike
    this.#isOff = false
    if (strikesAfter <= 0) this.#strike()
  }

  /** The action has come to its end; a crash that has not struck yet strikes now. */
  endAction(): void {
    this.#close()
    if (this.#strikesAfter !== Number.POSITIVE_INFINITY) this.#strike()
  }

  /** Whether the action has made a step. */
  get hasSteps(): boolean {
    return this.#stepsOfAction > 0 || this.#open !== undefined
  }

  /** Whether a crash has struck: nothing is heard any more. */
  get isOff(): boolean {
    return this.#isOff
  }

  /** Takes back the steps of the action. */
  dropAction(): void {
    this.#open = undefined
    this.steps.length -= this.#stepsOfAction
    this.#stepsOfAction = 0
  }

  #strike(): void {
    if (this.#isOff) return
    this.#isOff = true
    this.#open = undefined
    this.#onStrike()
  }

  /** A step that no event tells of. */
  step(kind: string, title: string, sentence: string): void {
    if (this.#isOff) return
    this.#close()
    this.#open = { kind, title, sentences: [sentence], reference: referenceOf(kind), lsn: undefined }
    this.#close()
  }

  /** What the engine tells. */
  readonly take = (event: TraceEvent): void => {
    if (this.#isOff) return
    if (this.#mayContinue(event)) return
    const title = titleOf(event, this.#view.names)
    // Flush markers say how far the log was durable, which changes no table, and the rows leave them out.
    if (title === undefined || (event.kind === 'analysed' && event.type === 'flush-marker')) {
      this.#view.take(event)
      return
    }
    this.#close(event.kind === 'appended' ? event.lsn : undefined)
    if (this.#isOff) return
    this.#view.take(event)
    this.#open = {
      kind: event.kind,
      title,
      sentences: [this.#sentenceOf(event)],
      reference: this.#referenceOf(event),
      lsn: 'lsn' in event ? event.lsn : undefined,
    }
    if (event.kind !== 'appended') this.#close()
    if (event.kind === 'analysis') this.#analysed()
  }

  /** Events that belong to the open step, such as the page that gets dirty by the record. */
  #mayContinue(event: TraceEvent): boolean {
    const open = this.#open
    const isUndone = event.kind === 'undone' && open?.lsn === event.clrLsn
    const isContinued =
      isUndone ||
      (event.kind === 'dirtied' && open?.kind === 'appended') ||
      (event.kind === 'flushed' && open?.kind === 'sync') ||
      (event.kind === 'page-written' && open?.operation?.file === DATA_FILE_NAME)
    if (open === undefined || !isContinued) return false
    this.#view.take(event)
    // That a CLR is appended is part of what the undo tells.
    if (isUndone) open.sentences.length = 0
    open.sentences.push(this.#sentenceOf(event))
    if (!isUndone) {
      if (event.kind !== 'dirtied') open.reference = referenceOf(event.kind)
      return true
    }
    open.kind = event.kind
    open.title = titleOf(event, this.#view.names) ?? open.title
    open.reference = this.#referenceOf(event)
    return true
  }

  #referenceOf(event: TraceEvent): string | undefined {
    return referenceOf(event.kind, 'type' in event ? event.type : undefined, this.#view.phase !== 'running')
  }

  #sentenceOf(event: TraceEvent): string {
    return namedSentence(describeEvent(event), this.#view.names)
  }

  before(operation: DiskOperation): void {
    if (this.#isOff || this.#isMore(operation)) return
    this.#close()
  }

  /** One thing that the engine does to the disk in several pieces. */
  #isMore({ kind, file }: DiskOperation): boolean {
    const open = this.#open
    if (open?.operation === undefined) return false
    if (open.kind === MADE_DURABLE) return this.#isBeforeRedo
    if (open.operation.file !== file) return false
    // After a restart both slots of the master record are written, one after the other.
    if (file === MASTER_FILE_NAME && open.kind === 'sync') return true
    return open.kind === 'write' && kind === 'write' && file !== DATA_FILE_NAME
  }

  get #isBeforeRedo(): boolean {
    return this.#view.phase === 'analysis' || this.#view.phase === 'crashed'
  }

  after(operation: DiskOperation): void {
    if (this.#isOff) return
    this.#view.takeOperation(operation)
    if (this.#isMore(operation)) return
    const isFound = this.#isBeforeRedo
    const told = isFound ? { title: 'what was found is made durable', sentences: [FOUND] } : this.#toldOf(operation)
    const kind = isFound ? MADE_DURABLE : operation.kind
    if (told !== undefined) this.#open = { kind, lsn: undefined, reference: undefined, operation, ...told }
  }

  /** Undefined for what is only room: zeros that make a file longer, a segment that is made ahead. */
  #toldOf(operation: DiskOperation): { title: string; sentences: string[] } | undefined {
    const { kind, file, offset, length } = operation
    const { identity } = this.#view.disk
    if (file === DATA_FILE_NAME && kind === 'write' && length > identity.pageSize) return undefined
    const name = fileName(file)
    if (name === undefined) return undefined
    if (kind === 'sync') return { title: `sync of ${name}`, sentences: [SYNCED[name] as string] }
    const what = writtenText(file, offset, length, identity)
    return { title: `write to ${name}`, sentences: [writtenSentence(name, what)] }
  }

  #close(logEnd?: number): void {
    const open = this.#open
    if (open === undefined || this.#isOff) return
    this.#open = undefined
    this.#view.readLog(logEnd)
    const state = this.#view.state()
    const before = this.steps.at(-1)?.state
    const row = open.kind === 'appended' ? state.log.findLast(({ lsn }) => lsn === open.lsn) : undefined
    const sentences = row === undefined || row.text === '' ? [...open.sentences] : withText(open.sentences, row.text)
    if (row?.type === 'clr') sentences.push(CLOSES)
    if (before !== undefined) sentences.push(...mendedSentences(before, state))
    this.steps.push({
      number: this.steps.length,
      actionIndex: this.#actionIndex,
      kind: open.kind,
      title: open.title,
      sentence: sentences.join(' '),
      reference: open.reference,
      lsn: open.lsn,
      changed: before === undefined ? NO_CHANGES : changesBetween(before, state),
      state,
      pendingWrites: this.#view.disk.pendingWrites(),
    })
    this.#stepsOfAction++
    if (this.#stepsOfAction === this.#strikesAfter) this.#strike()
  }

  /** A restart begins: its steps follow. */
  startRestart(): void {
    const step = this.steps.length - 1
    this.restarts.push({ crashStep: step, lastStep: step, transactions: [], dirtyPages: [] })
  }

  #analysed(): void {
    const { number, state } = this.steps.at(-1) as Step
    this.#amendRestart({ analysisStep: number, transactions: state.transactions, dirtyPages: state.dirtyPages })
  }

  endRestart(): void {
    this.#amendRestart({ lastStep: this.steps.length - 1 })
  }

  #amendRestart(change: Partial<RestartView>): void {
    const last = this.restarts.at(-1)
    if (last !== undefined) this.restarts[this.restarts.length - 1] = { ...last, ...change }
  }
}

/** The kind of step in which restart secures what the crash has left before it goes on. */
const MADE_DURABLE = 'made-durable'
const FOUND = 'Restart writes and syncs what it has found: whatever it decides by must not get lost in a further crash.'
const CLOSES =
  'This CLR closes a nested top action: what lies between it and its undoNextLSN stays, whatever becomes of the transaction.'
const LOG = 'the log'
const DATA = 'the data file'
const DOUBLE_WRITE = 'the double-write file'
const MASTER = 'the master record'

function fileName(file: string): string | undefined {
  if (segmentNumberOf(file) !== undefined) return LOG
  if (file === DATA_FILE_NAME) return DATA
  if (file === DOUBLE_WRITE_FILE_NAME) return DOUBLE_WRITE
  return file === MASTER_FILE_NAME ? MASTER : undefined
}

const SYNCED: Readonly<Record<string, string>> = {
  [LOG]: 'The log file is synced: a power cut cannot take from it what has been written so far.',
  [DATA]: 'The data file is synced: the pages written to it are on the disk for good, and no longer dirty.',
  [DOUBLE_WRITE]:
    'The double-write file is synced: the pages in it are whole on the disk before they go to their places.',
  [MASTER]: 'The master record is synced: the next restart begins at the checkpoint that it names.',
}

function writtenSentence(name: string, what: string): string {
  switch (name) {
    case DOUBLE_WRITE:
      return 'Copies of the pages go to the double-write file first, so that a write torn by a crash can be mended.'
    case MASTER:
      return 'The master record names the new checkpoint. Until it is synced, a power cut may leave the old one.'
    default:
      return `The system has been given ${what}. Until the file is synced, a power cut may lose it.`
  }
}

/** What the record is about, right behind what has happened to it. */
function withText([first, ...rest]: readonly string[], text: string): string[] {
  return [`${first?.replace(/\.$/, '')}: ${text}.`, ...rest]
}

/** Pages that a crash had torn, and that are whole again. */
function mendedSentences(before: EngineState, after: EngineState): string[] {
  const torn = new Set(before.disk.filter(({ isDamaged }) => isDamaged).map(({ pageId }) => pageId))
  const mended = after.disk.filter(({ pageId, isDamaged }) => torn.has(pageId) && !isDamaged)
  return mended.map(
    ({ page }) => `Page ${page}, which the crash had torn, is whole again: its copy was in the double-write file.`,
  )
}
