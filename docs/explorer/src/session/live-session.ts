/**
 * A live session: the real engine on a simulated disk, on which time stands still. All actions are replayed from
 * an empty database, one after the other, and after each of them the engine is left to come to rest.
 *
 * An operation that waits for a lock does not come to an end before another action lets it: its transaction is
 * shown as waiting, and the session goes on.
 */

import { AriesError } from '../../../../src/common/errors.ts'
import type { TraceEvent } from '../../../../src/common/trace.ts'
import { type OpenedParts, openOn } from '../../../../src/database/open-on.ts'
import { type OpenOptions, settingsOf } from '../../../../src/database/options.ts'
import { SimulatedFileSystem } from '../../../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../../../src/io/simulated-runtime.ts'
import { PASSES } from '../../../../src/recovery/passes.ts'
import { EngineView } from './engine-view.ts'
import { crashSentence, deadlockSentence, openedSentence } from './live-words.ts'
import { carryOut, isDeadlock, type Named, type Outcome, RefusedAction, tableOf } from './operations.ts'
import { crashChoiceOf } from './pending-writes.ts'
import { Recorder } from './recorder.ts'
import { atRest } from './rest.ts'
import type { Action, OpenTransaction, Session, Survivors } from './types.ts'
import { WatchedDisk } from './watched-disk.ts'
import { passesTelling } from './watched-passes.ts'

const PAGE_BYTES = 4096
/** So few that pages are stolen before long, and enough that a first example is not disturbed by it. */
const FRAMES = 16

const FIRST_TABLE = 'accounts'
const FIXED: OpenOptions = { pageSize: PAGE_BYTES, segmentBytes: 1 << 18 }
const OPTIONS: OpenOptions = { poolBytes: FRAMES * PAGE_BYTES, lockTimeoutMs: Number.POSITIVE_INFINITY }

/** Replays the actions. Never rejects: what cannot be carried out is `error`, and the steps end before it. */
export async function runActions(actions: readonly Action[]): Promise<Session> {
  const session = await LiveSession.create()
  let error: Session['error']
  let done = 0
  for (const [index, action] of actions.entries()) {
    try {
      await session.act(index, action, actions[index + 1])
      done++
    } catch (failure) {
      if (!(failure instanceof RefusedAction)) throw failure
      error = { actionIndex: index, message: failure.message }
      break
    }
  }
  const { steps, restarts } = session.recorder
  return { kind: 'live', title: 'Live session', steps, restarts, actions: actions.slice(0, done), answers: [], error }
}

class LiveSession {
  readonly recorder: Recorder
  readonly #view: EngineView
  readonly #transactions = new Map<string, Named>()
  #disk: SimulatedFileSystem
  /** Undefined after a crash. */
  #parts: OpenedParts | undefined
  /** A crash that has struck in the middle of an action, and is shown by the next one. */
  #crashed: { readonly pending: number; readonly disk: SimulatedFileSystem } | undefined

  private constructor(disk: SimulatedFileSystem) {
    this.#disk = disk
    this.#view = new EngineView(disk)
    this.#view.openTransactions = () => this.#open()
    this.recorder = new Recorder(this.#view)
  }

  static async create(): Promise<LiveSession> {
    const disk = new SimulatedFileSystem()
    let session: LiveSession | undefined
    const { watched, trace } = LiveSession.#listenTo(disk, () => session)
    const options = { ...OPTIONS, ...FIXED, createIfMissing: true, trace }
    const parts = await openOn(watched, new SimulatedRuntime(), options, settingsOf(options))
    await makeFirstTable(parts)
    session = new LiveSession(disk)
    session.#isOpen(parts)
    session.recorder.step(
      'start',
      'an empty database',
      `A new database with an empty table, ${FIRST_TABLE}. Everything is on disk, and a checkpoint says so: the log is shown from there.`,
    )
    return session
  }

  /** An engine that has crashed goes on in memory, on a disk that the machine has no more: nobody hears of that. */
  static #listenTo(
    disk: SimulatedFileSystem,
    sessionNow: () => LiveSession | undefined,
  ): { watched: WatchedDisk; trace: (event: TraceEvent) => void } {
    const listener = (): LiveSession | undefined => {
      const session = sessionNow()
      return session !== undefined && session.#disk === disk ? session : undefined
    }
    return {
      watched: new WatchedDisk(disk, {
        before: (operation) => listener()?.recorder.before(operation),
        after: (operation) => listener()?.recorder.after(operation),
      }),
      trace: (event) => {
        const session = listener()
        if (session !== undefined) session.#hear(event)
      },
    }
  }

  #hear(event: TraceEvent): void {
    if (!this.recorder.isOff && (event.kind === 'lock-wait' || event.kind === 'lock-granted')) {
      for (const named of this.#transactions.values()) {
        if (named.transaction.id === event.txnId) named.isWaiting = event.kind === 'lock-wait'
      }
    }
    this.recorder.take(event)
  }

  #isOpen(parts: OpenedParts): void {
    this.#parts = parts
    this.#view.opened(parts.opened.managers)
  }

  #open(): OpenTransaction[] {
    const open = [...this.#transactions.values()].filter(({ transaction }) => transaction.isActive)
    return open.map(({ name, transaction, savepoints, isWaiting }) => ({
      txn: name,
      txnId: transaction.id,
      savepoints: [...savepoints.keys()],
      isWaiting,
    }))
  }

  /** Carries the action out. `next` may be a crash that strikes in the middle of it. @throws `RefusedAction` */
  async act(index: number, action: Action, next: Action | undefined): Promise<void> {
    if (action.kind === 'crash') {
      this.#showCrash(index, action.survivors)
      return
    }
    const crash = next?.kind === 'crash' ? next : undefined
    const strikesAfter = crash === undefined ? Number.POSITIVE_INFINITY : (crash.after ?? Number.MAX_SAFE_INTEGER)
    const disk = this.#disk
    this.recorder.startAction(index, strikesAfter, () => {
      if (crash !== undefined) this.#crashed = stopped(disk, crash.survivors)
    })
    try {
      if (!this.recorder.isOff) await this.#perform(action)
      if (!this.recorder.hasSteps)
        this.recorder.step('done', 'nothing to do', 'There is nothing to do: all stays as it is.')
      this.recorder.endAction()
    } catch (error) {
      this.recorder.dropAction()
      throw error
    }
  }

  #showCrash(index: number, survivors: Survivors): void {
    const { pending, disk } = this.#crashed ?? stopped(this.#disk, survivors)
    this.#crashed = undefined
    this.#disk = disk
    this.#parts = undefined
    this.#transactions.clear()
    this.recorder.startAction(index, Number.POSITIVE_INFINITY, () => {})
    this.#view.crashed(disk)
    this.recorder.step('crash', 'crash', crashSentence(survivors, pending))
    this.recorder.endAction()
  }

  async #perform(action: Exclude<Action, { kind: 'crash' }>): Promise<void> {
    if (action.kind === 'restart') {
      await this.#restart()
      return
    }
    if (this.#parts === undefined) throw new RefusedAction('the database has crashed: restart it first')
    if (action.kind === 'begin') {
      this.#begin(action.txn)
      return
    }
    const named = 'txn' in action ? this.#named(action.txn, action.kind === 'abort') : undefined
    await this.#settle(
      named,
      carryOut(action, named, this.#parts, () => this.recorder.hasSteps),
    )
    this.#endOfTransactions()
  }

  #begin(name: string): void {
    const { database } = this.#parts as OpenedParts
    if (this.#transactions.has(name)) throw new RefusedAction(`there is an open transaction ${name} already`)
    const transaction = database.begin()
    this.#view.nameTransaction(transaction.id, name)
    this.#transactions.set(name, { name, transaction, savepoints: new Map(), isWaiting: false })
    this.recorder.step(
      'done',
      `${name} begins`,
      `Transaction ${name} begins. As long as it writes nothing, the log does not know of it.`,
    )
  }

  #named(name: string, mayWait: boolean): Named {
    const named = this.#transactions.get(name)
    if (named === undefined) throw new RefusedAction(`there is no open transaction ${name}: begin it first`)
    if (named.isWaiting && !mayWait)
      throw new RefusedAction(`transaction ${name} waits for a lock, and can do nothing until it has got it`)
    return named
  }

  /**
   * Waits until the engine has come to rest. An operation that has not ended then waits for a lock; how it ends
   * is told in the action that lets it.
   * @throws `RefusedAction` when it was refused at once
   */
  async #settle(named: Named | undefined, work: Promise<Outcome | undefined>): Promise<void> {
    let failure: unknown
    let hasEnded = false
    const end = (): void => {
      hasEnded = true
      if (named !== undefined) named.isWaiting = false
    }
    work.then(
      (outcome) => {
        end()
        if (outcome !== undefined) this.recorder.step('done', outcome.title, outcome.sentence)
      },
      (error: unknown) => {
        end()
        if (named === undefined || !isDeadlock(error)) failure = error
        else this.recorder.step('failed', `${named.name} is rolled back`, deadlockSentence(named.name))
      },
    )
    await atRest(() => {
      if (named !== undefined) named.isWaiting = !hasEnded
    })
    if (failure === undefined || this.recorder.isOff) return
    throw AriesError.is(failure) ? new RefusedAction(failure.message) : failure
  }

  #endOfTransactions(): void {
    for (const [name, { transaction }] of this.#transactions) if (!transaction.isActive) this.#transactions.delete(name)
  }

  async #restart(): Promise<void> {
    if (this.#parts !== undefined)
      throw new RefusedAction('the database is open: only after a crash there is something to restart')
    const { recorder } = this
    const { watched, trace } = LiveSession.#listenTo(this.#disk, () => this)
    const options = {
      ...OPTIONS,
      trace,
      [PASSES]: passesTelling((engine) => this.#view.assembled(engine)),
    }
    recorder.startRestart()
    try {
      const parts = await openOn(watched, new SimulatedRuntime(), options, settingsOf(options))
      if (recorder.isOff) return
      this.#isOpen(parts)
      recorder.step('opened', 'the database is open', openedSentence(parts))
      await atRest()
    } catch (error) {
      if (recorder.isOff) return
      if (!AriesError.is(error)) throw error
      recorder.step('failed', 'restart fails', `${error.message}.`)
    } finally {
      recorder.endRestart()
    }
  }
}

/** The machine stops at this moment; what the engine goes on to do happens nowhere. */
function stopped(disk: SimulatedFileSystem, survivors: Survivors): { pending: number; disk: SimulatedFileSystem } {
  const changes = disk.pendingChanges()
  return { pending: changes.length, disk: disk.crash(crashChoiceOf(survivors, changes)) }
}

/** A table to begin with, on disk like everything else, so that what comes first is what the user does. */
async function makeFirstTable({ database, opened }: OpenedParts): Promise<void> {
  await database.transaction((transaction) => transaction.createTable(tableOf(database, FIRST_TABLE)))
  await atRest()
  await opened.managers.buffer.writeAll()
  await database.checkpoint()
  await atRest()
}
