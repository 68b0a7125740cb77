/**
 * One life of a program on a simulated disk: from opening the database to the end of what it does, or
 * to the crash.
 *
 * DEATH. A process that dies does not run its `catch` and `finally` blocks. So the promises that the
 * program gets, from the database and from `sleep`, never settle once the machine is off or the life is
 * over: whatever waited for one stays where it is. What it says afterwards is not heard.
 *
 * TIME stands still while anything can go on, and moves to the next timer when the program waits for
 * nothing but the clock. One time at a time: who has slept less goes on before who sleeps longer.
 *
 * TURNS. All that the engine does on a simulated disk happens in promise callbacks, so a program that
 * goes on and on would never let the event loop go on, and with it the timeout of a test framework. So
 * after some operations the next answer comes in the next turn of the event loop.
 *
 * END. What a program has begun, it has to wait for: its parts end with nothing under way.
 */

import { invalid } from '../common/options.ts'
import { type Database, type OpenOptions, open, type Transaction } from '../index.ts'
import type { SimulatedFileSystem } from '../io/simulated-file-system.ts'
import { databaseHandle } from './handles.ts'
import { LifeClock } from './life-clock.ts'

/** Something that happened in a life, for the timeline. */
export interface TimelineEvent {
  /** How many operations the disk had done before it. */
  readonly operations: number
  readonly kind: 'note' | 'ack' | 'did' | 'phase'
  readonly text: string
}

/** How a life ended: in the crash, well, or with an error of the program or of opening. */
export type ProcessEnd =
  | { readonly how: 'crashed' }
  | { readonly how: 'done' }
  | { readonly how: 'failed'; readonly phase: string; readonly error: unknown }

// Fake timers of a test framework must not stop the simulation.
const { setImmediate } = globalThis
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** After so many answers the next one waits for a turn of the event loop. */
const ANSWERS_PER_TURN = 1000
/** A life that goes on for so many turns while somebody waits for the clock goes on for good. */
const BUSY_TURNS_MAX = 50
/** The same when nobody does: it may have much to do. */
const BUSY_TURNS_MAX_ALONE = 1000
/** A life that asks nothing of the database in so many turns waits for good. */
const IDLE_TURNS_MAX = 100_000
/** After so many, the engine is at rest. Only its regular looks for work are left, which need no turn each. */
const TURNS_UNTIL_REST = 1000
const STEP_AT_REST_MS = 60_000

/** How many promise callbacks in a row a program may take from one call to the next. */
const CALLBACKS_AFTER_END = 8

/** Something that the program has begun and that has not come back. */
interface Call {
  readonly name: string
}

export class SimulatedProcess {
  readonly disk: SimulatedFileSystem
  readonly events: TimelineEvent[] = []
  readonly #clock: LifeClock
  readonly #options: OpenOptions
  readonly #records: boolean
  readonly #underWay = new Set<Call>()
  readonly #transactions = new Set<Transaction>()
  /** Answers that wait for the next turn. */
  readonly #held: (() => void)[] = []
  #answersInTurn = 0
  #hasAsked = false
  #phase = 'open'
  /** What the program has begun after the end of its last part. */
  #late: string | undefined
  /** Whether the last part of the program has ended. */
  #hasEnded = false
  #over = false

  /** @param records whether the events say what the program did with the database */
  constructor(disk: SimulatedFileSystem, options: OpenOptions, seed: number, records: boolean) {
    this.disk = disk
    this.disk.trace = []
    this.#clock = new LifeClock(seed)
    this.#options = options
    this.#records = records
  }

  /** Opens the database, does `work`, and says how that ended. What is still open then is dropped. */
  async run(work: (handle: Database, database: Database) => Promise<void>): Promise<ProcessEnd> {
    const { disk } = this
    const life = open(disk, { ...this.#options, runtime: this.#clock }).then((db) => work(databaseHandle(db, this), db))
    let end: ProcessEnd | undefined
    life.then(
      () => {
        end ??= { how: 'done' }
      },
      (error: unknown) => {
        end ??= { how: 'failed', phase: this.#phase, error }
      },
    )
    const isOver = (): boolean => end !== undefined || disk.poweredOff
    const endless = await this.#goOn(isOver)
    if (disk.poweredOff) end = { how: 'crashed' }
    // By now all callbacks have run that did not wait for a turn or the clock.
    else if (end?.how === 'done' && this.#late !== undefined) {
      end = { how: 'failed', phase: this.#phase, error: this.#wentOn(this.#late) }
    }
    this.#over = true
    return end ?? { how: 'failed', phase: this.#phase, error: endless }
  }

  /** Lets turns and time pass until the life is over. @returns why not, when it would never be */
  async #goOn(isOver: () => boolean): Promise<Error | undefined> {
    let busyTurns = 0
    let idleTurns = 0
    for (;;) {
      await turn()
      if (isOver()) return undefined
      this.#answersInTurn = 0
      const held = this.#held.splice(0)
      if (held.length > 0) {
        if (++busyTurns > (this.#clock.isAwaited ? BUSY_TURNS_MAX : BUSY_TURNS_MAX_ALONE)) {
          return restless(this.#phase, busyTurns)
        }
        for (const answer of held) answer()
        continue
      }
      busyTurns = 0
      idleTurns = this.#hasAsked ? 0 : idleTurns + 1
      this.#hasAsked = false
      if (idleTurns > IDLE_TURNS_MAX) return endless(this.#phase)
      if (idleTurns > TURNS_UNTIL_REST) this.#clock.advanceAtMost(STEP_AT_REST_MS)
      else this.#clock.advanceToNext()
    }
  }

  /** Whether the program has ceased to be. */
  get isDead(): boolean {
    return this.#over || this.disk.poweredOff
  }

  /** One of the program's functions. @throws what it throws, and when it leaves something under way */
  async part<T>(phase: string, run: () => Promise<T> | T): Promise<T> {
    this.#enter(phase)
    const result = await run()
    this.#hasEnded = true
    const open = this.#open()
    if (open !== undefined) throw this.#notAwaited(`ended while ${open}`)
    // Who is between two calls makes the next one now.
    for (let i = 0; i < CALLBACKS_AFTER_END; i++) await undefined
    if (this.#late !== undefined) throw this.#wentOn(this.#late)
    return result
  }

  /** Closes the database after the last part. @throws as `close` */
  close(database: Database): Promise<void> {
    this.#happened('phase', 'close')
    return database.close()
  }

  #wentOn(call: string): Error {
    return this.#notAwaited(`went on after its end, with ${call}`)
  }

  /** The error of a part that was not waited for. What goes on of it is not answered any more. */
  #notAwaited(what: string): Error {
    this.#over = true
    return new Error(`the ${this.#phase} ${what}: is an \`await\` missing?`)
  }

  /** What the program has begun and not ended, in words. */
  #open(): string | undefined {
    for (const { isActive, id } of this.#transactions) if (isActive) return `transaction ${id} was still open`
    const [call] = this.#underWay
    return call === undefined ? undefined : `${call.name} was under way`
  }

  /** What begins now, for messages. */
  #enter(phase: string): void {
    this.#phase = phase
    this.#hasEnded = false
    this.#happened('phase', phase)
  }

  began(transaction: Transaction): void {
    for (const other of this.#transactions) if (!other.isActive) this.#transactions.delete(other)
    this.#transactions.add(transaction)
  }

  note(text: string): void {
    if (!this.isDead) this.#happened('note', text)
  }

  acknowledged(text: () => string): void {
    if (this.#records) this.#happened('ack', text())
  }

  /** Something that the program did with the database. */
  did(text: () => string): void {
    if (this.#records && !this.isDead) this.#happened('did', text())
  }

  /** @throws `INVALID_ARGUMENT` */
  sleep(milliseconds: number): Promise<void> {
    if (!(Number.isFinite(milliseconds) && milliseconds >= 0)) {
      throw invalid(`sleep takes a finite number of milliseconds of at least 0, got ${String(milliseconds)}`)
    }
    return this.#guard(new Promise((resolve) => void this.#clock.after(milliseconds, resolve)), 'a sleep')
  }

  guard<T>(promise: Promise<T>, name: string): Promise<T> {
    this.#hasAsked = true
    return this.#guard(promise, name)
  }

  /** The same promise, as long as there is somebody to hear of it. */
  #guard<T>(promise: Promise<T>, name: string): Promise<T> {
    const call = { name }
    this.#underWay.add(call)
    // Nobody is to hear that the database was closed: it was not the program that did it.
    const isLate = this.#hasEnded
    if (isLate) this.#late ??= name
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void): void => {
        if (this.isDead || isLate) return
        this.#underWay.delete(call)
        settle()
      }
      const answered = (settle: () => void): void => {
        if (++this.#answersInTurn > ANSWERS_PER_TURN) this.#held.push(() => answer(settle))
        else answer(settle)
      }
      promise.then(
        (value) => answered(() => resolve(value)),
        (error: unknown) => answered(() => reject(error)),
      )
    })
  }

  #happened(kind: TimelineEvent['kind'], text: string): void {
    this.events.push({ operations: this.disk.trace?.length ?? 0, kind, text })
  }
}

function endless(phase: string): Error {
  return new Error(
    `the ${phase} never ends: it waits for something that does not come. Time is simulated; wait with sleep, not with a timer`,
  )
}

function restless(phase: string, turns: number): Error {
  const count = (ANSWERS_PER_TURN * (turns - 1)).toLocaleString('en')
  return new Error(
    `the ${phase} never ends: it went on for ${count} operations and never waited. Time is simulated and stands still while anybody goes on, so no sleep ends; if it goes on until a sleep ends, put a \`sleep\` into its loop`,
  )
}
