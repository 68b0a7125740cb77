/**
 * Runs a script on the engine and on the model side by side, and after each crash checks that what
 * comes up is legal and sound. The first thing that is wrong is thrown.
 */
import { compareBytes } from '../../src/common/bytes.ts'
import { AriesError } from '../../src/common/errors.ts'
import type { TraceEvent } from '../../src/common/trace.ts'
import type { Snapshot } from '../../src/database/snapshot.ts'
import type { CrashChoice, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  contentOfSnapshot,
  drive,
  idle,
  type Lab,
  newDisk,
  openLab,
  pageTableProblems,
  problemsAfterRestart,
  problemsOfRestartingAgain,
  readAll,
  remainders,
} from '../lab.ts'
import { type Content, firstDifference, IN_DOUBT, Model } from '../model.ts'
import { Hindrances } from './hindrances.ts'
import { problemsOfInDoubt } from './in-doubt.ts'
import { Operations } from './operations.ts'
import { CLIENTS, type CrashHow, type CrashPlan, type Script, type Step } from './script.ts'
import { type Client, type ClientStep, CUTS_IN, ENDING, ENDS, EXPECTED, LOOKS_AFTER, Session } from './session.ts'
import { UndoneRecords } from './undone-records.ts'

export const choiceOf = (how: CrashHow): CrashChoice =>
  typeof how === 'number' ? { mode: 'random', seed: how } : { mode: how }

export class Runner {
  readonly model = new Model()
  /** What was done how often, to see that the scripts reach what they are for. */
  readonly counts = {
    commits: 0,
    restarts: 0,
    nestedCrashes: 0,
    timeouts: 0,
    deadlocks: 0,
    cancelled: 0,
    losers: 0,
    evictions: 0,
    prepared: 0,
    decided: 0,
    inDoubtAfterRestart: 0,
    deferredPages: 0,
    snapshots: 0,
  }
  /** The same of what a disk has hindered. */
  readonly hindered = { failures: 0, stuck: 0 }
  disk: SimulatedFileSystem
  readonly #operations: Operations
  readonly #script: Script
  #clients: Client[] = []
  #pending = new Set<Promise<void>>()
  #snapshot: { readonly snapshot: Snapshot; readonly content: Content } | undefined
  #armed: (CrashPlan & { readonly again: readonly CrashPlan[] }) | undefined
  #failure: unknown
  #hindrances = new Hindrances()
  readonly #undone = new UndoneRecords()
  #life = 0

  private constructor(script: Script, disk: SimulatedFileSystem, lab: Lab) {
    this.#script = script
    this.disk = disk
    this.#operations = new Operations(this.model, this.counts, lab)
    this.#newClients()
  }

  static async run(script: Script, trace?: SimulatedFileSystem['trace']): Promise<Runner> {
    const disk = await newDisk()
    disk.trace = trace
    const runner = new Runner(script, disk, await openLab(disk, script))
    for (const step of script.steps) await runner.#step(step)
    await runner.#finish()
    return runner
  }

  get #lab(): Lab {
    return this.#operations.lab
  }

  /** Operations of an engine that died never end. */
  #newClients(): void {
    this.#pending = new Set()
    this.#snapshot = undefined
    this.#hindrances = new Hindrances()
    this.#clients = Array.from({ length: CLIENTS }, () => ({ session: undefined, last: undefined }))
  }

  async #step(step: Step): Promise<void> {
    await this.#take(step)
    if (!this.disk.poweredOff && LOOKS_AFTER.has(step.do)) this.#look()
    if (this.disk.poweredOff && this.#armed !== undefined) await this.#crash(this.#armed.how, this.#armed.again)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The dirty page table has to be right at any moment, also while pages are being written. */
  #look(): void {
    const problems = pageTableProblems(this.#lab.managers, this.disk)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case 'turns':
        for (let i = 0; i < step.count; i++) await undefined
        return
      case 'time':
        await idle()
        this.#lab.runtime.advance(step.count)
        return
      case 'checkpoint':
        return this.#start(() => this.#lab.db.checkpoint(), step.wait)
      case 'flush':
        return this.#start(() => this.model.flushing(() => this.#lab.db.flush()), step.wait)
      case 'decide':
        return this.#start(() => this.#decide(step), step.wait)
      case 'snapshot':
        return this.#start(async () => this.#openOrCloseSnapshot(), true)
      case 'full':
      case 'unreadable':
        if (!this.disk.poweredOff) this.#hindrances.begin(this.disk, step)
        return
      case 'well':
        return this.#endHindrances()
      case 'reopen':
        return this.#reopen()
      case 'crash':
        if (step.after === 0) return this.#crash(step.how, step.again)
        if (this.#armed === undefined) {
          this.#armed = step
          this.disk.crashAfter(step.after)
        }
        return
      default:
        return this.#takeOf(this.#clients[step.by] as Client, step)
    }
  }

  /** Starts something of the database; waits for it when asked to. */
  async #start(work: () => Promise<void>, wait: boolean): Promise<void> {
    const { disk } = this
    const running = work().catch((error: unknown) => {
      if (disk.poweredOff || this.#hasHindered(error)) return
      if (!(AriesError.is(error) && error.code === 'DB_CLOSED')) this.#failure ??= error
    })
    this.#track(running)
    if (wait) await drive(this.#lab.runtime, running)
  }

  #hasHindered(error: unknown): boolean {
    const isExcused = this.#hindrances.excuse(error)
    if (isExcused) this.hindered.failures++
    return isExcused
  }

  /** What the disk had kept from being rolled back is rolled back now. */
  async #endHindrances(): Promise<void> {
    if (!this.#hindrances.isHindered) return
    // Who has met the disk by now is told first.
    await idle()
    if (this.disk.poweredOff) return
    for (const abort of this.#hindrances.end(this.disk)) {
      await this.#start(async () => {
        try {
          await abort()
          this.hindered.stuck++
        } catch (error) {
          if (!AriesError.is(error) || error.code !== 'TX_CLOSED') throw error
        }
      }, true)
    }
  }

  async #decide(step: Extract<Step, { do: 'decide' }>): Promise<void> {
    const inDoubt = this.#operations.inDoubt(step.which)
    if (inDoubt === undefined) return
    try {
      await this.#operations.decide(inDoubt, step)
    } catch (error) {
      if (this.#hindrances.excuse(error)) this.#hindrances.mayBeStuck(() => inDoubt.abort())
      throw error
    }
  }

  /** What a snapshot shows stays the same. */
  #openOrCloseSnapshot(): void {
    const { db } = this.#lab
    if (this.#snapshot === undefined) {
      const snapshot = db.snapshot()
      try {
        this.#snapshot = { snapshot, content: contentOfSnapshot(db, snapshot) }
      } catch (error) {
        snapshot.close()
        throw error
      }
      return
    }
    const { content } = this.#snapshot
    using snapshot = this.#snapshot.snapshot
    this.#snapshot = undefined
    const difference = firstDifference(content, contentOfSnapshot(db, snapshot))
    if (difference !== undefined) throw new Error(`a snapshot has changed: ${difference} (I34)`)
    this.counts.snapshots++
  }

  #track(running: Promise<void>): void {
    const pending = this.#pending.add(running)
    void running.then(() => pending.delete(running))
  }

  /** Does a client's step as far as it goes without waiting for another client. */
  async #takeOf(client: Client, step: ClientStep): Promise<void> {
    if (client.session?.isBusy === true && !CUTS_IN.has(step.do)) return
    const { disk } = this
    const running = this.#operate(client, step).catch((error: unknown) => {
      if (disk.poweredOff || this.#hasHindered(error)) return
      if (!AriesError.is(error)) this.#failure ??= error
      else if (error.code === 'TX_LOCK_TIMEOUT') this.counts.timeouts++
      else if (ENDING.has(error.code)) {
        if (error.code === 'TX_DEADLOCK') this.counts.deadlocks++
        if (error.code === 'TX_CANCELLED') this.counts.cancelled++
      } else if (!EXPECTED.has(error.code)) this.#failure ??= error
    })
    this.#track(running)
    if (step.do !== 'commit' || step.wait) await idle()
  }

  async #operate(client: Client, step: ClientStep): Promise<void> {
    // What is committing or being prepared may be cancelled too, and goes on.
    if (step.do === 'cancel' && client.session === undefined) return client.last?.cancel()
    client.session ??= new Session(this.#lab.db)
    const { session } = client
    if (ENDS.has(step.do)) {
      client.last = session
      client.session = undefined
    }
    session.isBusy = true
    try {
      await this.#operations.perform(session, step)
      if (step.do === 'cancel') this.#hindrances.mayBeStuck(() => session.tx.abort())
    } catch (error) {
      this.#afterFailure(client, session, step, error)
      throw error
    } finally {
      session.isBusy = false
    }
  }

  #afterFailure(client: Client, session: Session, step: ClientStep, error: unknown): void {
    const isHindered = this.#hindrances.excuse(error)
    const hasEnded = isHindered ? !session.tx.isActive : AriesError.is(error) && ENDING.has(error.code)
    if (hasEnded && client.session === session) client.session = undefined
    // What has not been prepared goes on; and what had to be rolled back may not have been.
    if (isHindered && session.tx.isActive) client.session = session
    else if (hasEnded && step.do !== 'prepare') this.#hindrances.mayBeStuck(() => session.tx.abort())
  }

  /** Ends what is under way, closes, and opens again: everything committed is there, and a close leaves the same files. */
  async #reopen(): Promise<void> {
    await this.#endHindrances()
    if (!(await this.#close())) return
    const visited = this.disk.crash({ mode: 'none' })
    const found = await this.#visit(visited)
    // Whoever comes to a leaf first removes the ghosts that a crash has left there. Where redo is deferred, that was
    // nobody yet; and what is in doubt has kept those that it had only read until it was closed.
    const again = visited.crash({ mode: 'none' })
    const hasGhosts = this.#script.deferRedo === true || found.has(IN_DOUBT)
    if (hasGhosts) await this.#visit(again)
    const changed = changedFile(hasGhosts ? visited : this.disk, again.crash({ mode: 'none' }))
    if (changed !== undefined) throw new Error(`opening and closing a clean database changes ${changed} (I15)`)
    this.model.recovered(found, this.model.commits.length)
    this.#operations.lab = await openLab(this.disk, this.#script)
    this.#newClients()
    await this.#verifyInDoubt()
  }

  /** Opens what was closed cleanly, reads it all, and closes it. */
  async #visit(disk: SimulatedFileSystem): Promise<Content> {
    const { db, runtime } = await openLab(disk, this.#script)
    if (db.recovery.wasNeeded) throw new Error('restart was needed after a clean close')
    const content = await readAll(db)
    await drive(runtime, db.close())
    return content
  }

  /** False when a crash struck on the way. */
  async #close(): Promise<boolean> {
    const { disk } = this
    try {
      await drive(this.#lab.runtime, this.#lab.db.close())
    } catch (error) {
      if (!disk.poweredOff) throw error
    }
    if (disk.poweredOff) return false
    disk.crashAfter(Number.POSITIVE_INFINITY)
    this.#armed = undefined
    await drive(this.#lab.runtime, Promise.all(this.#pending))
    return true
  }

  async #finish(): Promise<void> {
    await this.#crash('kill', [])
    await this.#reopen()
    await this.#close()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The machine or the process dies now, and again during restart as planned; then all is checked. */
  async #crash(how: CrashHow, again: readonly CrashPlan[]): Promise<void> {
    this.counts.evictions += this.#lab.managers.buffer.statistics.evictions
    const floors = { power: this.model.floor('power'), kill: this.model.floor('kill') }
    const old = this.disk
    let image = old.crash(choiceOf(how))
    image.trace = old.trace
    image.capacityBytes = Number.POSITIVE_INFINITY
    old.crashAfter(1)
    this.#armed = undefined
    let onlyKills = how === 'kill'
    let lab: Lab | undefined
    for (const next of [...again, undefined]) {
      if (next !== undefined && next.after > 0) image.crashAfter(next.after)
      lab = await this.#restart(image)
      if (lab !== undefined || next === undefined) break
      this.counts.nestedCrashes++
      onlyKills &&= next.how === 'kill'
      const { trace } = image
      image = image.crash(choiceOf(next.how))
      image.trace = trace
    }
    if (lab === undefined) throw new Error('no restart came to its end')
    image.crashAfter(Number.POSITIVE_INFINITY)
    this.disk = image
    this.#operations.lab = lab
    this.#newClients()
    await this.#verify(onlyKills ? floors.kill : floors.power)
    await idle()
  }

  async #restart(image: SimulatedFileSystem): Promise<Lab | undefined> {
    this.counts.restarts++
    const life = ++this.#life
    try {
      return await openLab(image, this.#script, (event) => {
        // What an engine does after its crash, nobody sees.
        if (life === this.#life) this.#hear(event)
      })
    } catch (error) {
      if (!image.poweredOff) throw error
      return undefined
    }
  }

  #hear(event: TraceEvent): void {
    if (event.kind === 'analysis') this.counts.losers += event.transactions.length
    const problem = this.#undone.note(event)
    this.#failure ??= problem
  }

  /** Where redo is deferred a copy is looked at, since whatever looks at a page brings it up to date. */
  async #verify(floor: number): Promise<void> {
    const isDeferred = this.#lab.managers.buffer.deferred !== undefined
    this.counts.deferredPages += this.#lab.managers.buffer.deferred?.count ?? 0
    const disk = isDeferred ? this.disk.crash({ mode: 'kill' }) : this.disk
    const lab = isDeferred ? await openLab(disk, this.#script) : this.#lab
    const problems = problemsAfterRestart(lab, disk)
    problems.push(...(await problemsOfRestartingAgain(this.disk, this.#script)))
    if (isDeferred)
      problems.push(...pageTableProblems(this.#lab.managers, this.disk), ...remainders(this.#lab.managers))
    const found = await drive(lab.runtime, readAll(lab.db))
    const wrong = this.model.problemOf(found, floor)
    if (wrong !== undefined) problems.push(wrong)
    if (problems.length > 0) throw new Error(problems.join('\n'))
    this.model.recovered(found, floor)
    await this.#verifyInDoubt()
  }

  async #verifyInDoubt(): Promise<void> {
    this.counts.inDoubtAfterRestart += this.#lab.db.inDoubt().length
    const problems = await problemsOfInDoubt(this.#lab, this.disk, this.#script, this.model)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  }
}

/** A file that one of the disks has and the other has not, or not like this. */
function changedFile(before: SimulatedFileSystem, after: SimulatedFileSystem): string | undefined {
  const has = (disk: SimulatedFileSystem, name: string): boolean => disk.list().includes(name)
  const isSame = (name: string): boolean =>
    has(before, name) && has(after, name) && compareBytes(before.contentOf(name), after.contentOf(name)) === 0
  return [...before.list(), ...after.list()].find((name) => !isSame(name))
}
