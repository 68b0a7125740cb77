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
  type KeyTable,
  type Lab,
  newDisk,
  openLab,
  pageTableProblems,
  problemsAfterRestart,
  problemsOfRestartingAgain,
  readAll,
  remainders,
  tableOf,
} from '../lab.ts'
import { type Commit, type Content, type Effect, firstDifference, Model } from '../model.ts'
import { problemsOfInDoubt } from './in-doubt.ts'
import { CLIENTS, type CrashHow, type CrashPlan, contentOf, keyOf, type Script, type Step, TABLES } from './script.ts'
import { type Client, type ClientStep, ENDING, EXPECTED, LOOKS_AFTER, Session } from './session.ts'
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
    losers: 0,
    evictions: 0,
    prepared: 0,
    decided: 0,
    inDoubtAfterRestart: 0,
    deferredPages: 0,
    snapshots: 0,
  }
  disk: SimulatedFileSystem
  #lab: Lab
  readonly #script: Script
  #clients: Client[] = []
  #pending = new Set<Promise<void>>()
  #snapshot: { readonly snapshot: Snapshot; readonly content: Content } | undefined
  #armed: (CrashPlan & { readonly again: readonly CrashPlan[] }) | undefined
  #serial = 0
  #failure: unknown
  /** The end of the log when a commit was asked for. */
  readonly #endLsns = new WeakMap<Commit, number>()
  readonly #undone = new UndoneRecords()
  #life = 0

  private constructor(script: Script, disk: SimulatedFileSystem, lab: Lab) {
    this.#script = script
    this.disk = disk
    this.#lab = lab
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

  /** Operations of an engine that died never end. */
  #newClients(): void {
    this.#pending = new Set()
    this.#snapshot = undefined
    this.#clients = Array.from({ length: CLIENTS }, () => ({ session: undefined }))
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
      if (!disk.poweredOff && !(AriesError.is(error) && error.code === 'DB_CLOSED')) this.#failure ??= error
    })
    this.#track(running)
    if (wait) await drive(this.#lab.runtime, running)
  }

  /** What a snapshot shows stays the same. */
  #openOrCloseSnapshot(): void {
    const { db } = this.#lab
    if (this.#snapshot === undefined) {
      const snapshot = db.snapshot()
      this.#snapshot = { snapshot, content: contentOfSnapshot(db, snapshot) }
      return
    }
    const { snapshot, content } = this.#snapshot
    this.#snapshot = undefined
    const difference = firstDifference(content, contentOfSnapshot(db, snapshot))
    if (difference !== undefined) throw new Error(`a snapshot has changed: ${difference} (I34)`)
    snapshot.close()
    this.counts.snapshots++
  }

  #track(running: Promise<void>): void {
    const pending = this.#pending.add(running)
    void running.then(() => pending.delete(running))
  }

  /** Does a client's step as far as it goes without waiting for another client. */
  async #takeOf(client: Client, step: ClientStep): Promise<void> {
    if (client.session?.isBusy === true && step.do !== 'abort') return
    const { disk } = this
    const running = this.#operate(client, step).catch((error: unknown) => {
      if (disk.poweredOff) return
      if (!AriesError.is(error)) this.#failure ??= error
      else if (error.code === 'TX_LOCK_TIMEOUT') this.counts.timeouts++
      else if (ENDING.has(error.code)) {
        if (error.code === 'TX_DEADLOCK') this.counts.deadlocks++
      } else if (!EXPECTED.has(error.code)) this.#failure ??= error
    })
    this.#track(running)
    if (step.do !== 'commit' || step.wait) await idle()
  }

  async #operate(client: Client, step: ClientStep): Promise<void> {
    client.session ??= new Session(this.#lab.db.begin())
    const { session } = client
    if (step.do === 'commit' || step.do === 'abort' || step.do === 'prepare') client.session = undefined
    session.isBusy = true
    try {
      await this.#operateIn(session, step)
    } catch (error) {
      if (AriesError.is(error) && ENDING.has(error.code) && client.session === session) client.session = undefined
      throw error
    } finally {
      session.isBusy = false
    }
  }

  async #operateIn(session: Session, step: ClientStep): Promise<void> {
    const { tx } = session
    switch (step.do) {
      case 'put':
      case 'delete':
        for (let i = 0; i < step.count; i++) {
          await this.#write(session, step, keyOf(step.table, step.from + i * step.stride))
        }
        return
      case 'putMany':
        return this.#putMany(session, step)
      case 'get':
        return this.#get(session, step.table, keyOf(step.table, step.from))
      case 'range':
        return this.#range(session, step)
      case 'clear':
        return this.#clear(session, step)
      case 'create':
        await tx.createTable(this.#table(step.table))
        return this.#did(session, { kind: 'create', table: TABLES[step.table] as string })
      case 'drop':
        await tx.dropTable(this.#table(step.table))
        return this.#did(session, { kind: 'drop', table: TABLES[step.table] as string })
      case 'savepoint':
        session.savepoints.push({ savepoint: await tx.savepoint(), length: session.effects.length })
        return
      case 'rollbackTo':
        return this.#rollbackTo(session, step.index)
      case 'abort':
        await tx.abort()
        return
      case 'prepare':
        return this.#prepare(session)
      default:
        return this.#commit(session, step)
    }
  }

  #table(table: number): KeyTable {
    return tableOf(this.#lab.db, TABLES[table] as string)
  }

  #did(session: Session, effect: Effect): void {
    session.effects.push(effect)
  }

  async #write(session: Session, step: Extract<Step, { stride: number }>, key: string): Promise<void> {
    const table = TABLES[step.table] as string
    if (step.do === 'put') {
      const value = contentOf(++this.#serial, step.bytes)
      await session.tx.put(this.#table(step.table), key, value)
      return this.#did(session, { kind: 'put', table, key, value })
    }
    const existed = await session.tx.delete(this.#table(step.table), key)
    const expected = this.model.get(session.effects, table, key) !== undefined
    if (existed !== expected) throw new Error(`delete of ${key} found ${existed ? 'something' : 'nothing'}`)
    if (existed) this.#did(session, { kind: 'delete', table, key })
  }

  /** All of them are put, or none. */
  async #putMany(session: Session, step: Extract<Step, { do: 'put' | 'putMany' }>): Promise<void> {
    const table = TABLES[step.table] as string
    const indexes = [...Array(step.count).keys(), 0]
    const effects = indexes.map((i): Extract<Effect, { kind: 'put' }> => {
      const key = keyOf(step.table, step.from + i * step.stride)
      return { kind: 'put', table, key, value: contentOf(++this.#serial, step.bytes) }
    })
    await session.tx.putMany(
      this.#table(step.table),
      effects.map(({ key, value }) => [key, value]),
    )
    for (const effect of effects) this.#did(session, effect)
  }

  async #get(session: Session, table: number, key: string): Promise<void> {
    const found = await session.tx.get(this.#table(table), key)
    this.#checkDurable(TABLES[table] as string, key)
    const expected = this.model.get(session.effects, TABLES[table] as string, key)
    const equal =
      found === undefined || expected === undefined ? found === expected : compareBytes(found, expected) === 0
    if (!equal)
      throw new Error(`get of ${key} gives ${found?.length ?? 'no'} bytes, the model ${expected?.length ?? 'no'}`)
  }

  /** A lock is given back only once its commit is as durable as it was to be (I21). */
  #checkDurable(table: string, key: string): void {
    const { flushedLsn } = this.#lab.managers.log
    for (const commit of this.model.commits) {
      if (commit.durability !== 'full' || (this.#endLsns.get(commit) ?? 0) <= flushedLsn) continue
      const touches = commit.effects.some((effect) => effect.table === table && 'key' in effect && effect.key === key)
      if (touches) throw new Error(`get of ${key} came past a commit that is not durable yet (I21)`)
    }
  }

  /** What a range has passed stays as it was until the transaction ends, so the whole of it is as it is now. */
  async #range(session: Session, step: Extract<Step, { do: 'range' }>): Promise<void> {
    const start = keyOf(step.table, step.from)
    const bound = step.reverse ? { lte: start } : { gte: start }
    const found: string[] = []
    const rows = session.tx.range(this.#table(step.table), { ...bound, reverse: step.reverse, limit: step.limit })
    for await (const [key] of rows) found.push(key)
    const seen = this.model.table(session.effects, TABLES[step.table] as string) ?? new Map<string, Uint8Array>()
    const keys = [...seen.keys()].filter((key) => (step.reverse ? key <= start : key >= start)).sort(compareKeys)
    if (step.reverse) keys.reverse()
    const expected = keys.slice(0, step.limit)
    if (expected.join() !== found.join())
      throw new Error(`range from ${start}: ${found.join()}; the model: ${expected.join()}`)
  }

  /** A clear that fails on the way has removed some keys; a savepoint takes them back. */
  async #clear(session: Session, step: Extract<Step, { do: 'clear' }>): Promise<void> {
    const table = TABLES[step.table] as string
    const [low, high] = [keyOf(step.table, step.from), keyOf(step.table, step.to)].sort(compareKeys) as [string, string]
    const savepoint = await session.tx.savepoint()
    try {
      await session.tx.clear(this.#table(step.table), { gte: low, lte: high })
    } catch (error) {
      if (session.tx.isActive) await session.tx.rollbackTo(savepoint)
      throw error
    }
    for (const key of this.model.table(session.effects, table)?.keys() ?? []) {
      if (key >= low && key <= high) this.#did(session, { kind: 'delete', table, key })
    }
  }

  async #rollbackTo(session: Session, index: number): Promise<void> {
    const mark = session.savepoints[index % Math.max(1, session.savepoints.length)]
    if (mark === undefined) return
    await session.tx.rollbackTo(mark.savepoint)
    session.effects.length = mark.length
    session.savepoints.length = session.savepoints.indexOf(mark) + 1
  }

  async #commit(session: Session, step: Extract<Step, { do: 'commit' }>): Promise<void> {
    const committed = session.tx.commit({ durability: step.durability })
    const commit = this.model.commit(session.effects, step.durability)
    this.#endLsns.set(commit, this.#lab.managers.log.nextLsn)
    await committed
    commit.acknowledged = true
    this.counts.commits++
  }

  async #prepare(session: Session): Promise<void> {
    const name = `transaction ${++this.#serial}`
    const prepared = session.tx.prepare(name)
    const entry = this.model.prepare(name, session.effects)
    await prepared
    entry.acknowledged = true
    this.counts.prepared++
  }

  /** Ends what this life or an earlier one has prepared. */
  async #decide({ which, outcome, durability }: Extract<Step, { do: 'decide' }>): Promise<void> {
    const all = this.#lab.db.inDoubt()
    const inDoubt = all[which % Math.max(1, all.length)]
    if (inDoubt === undefined) return
    const decided = outcome === 'commit' ? inDoubt.commit({ durability }) : inDoubt.abort()
    const entry = this.model.decide(inDoubt.name, outcome, outcome === 'commit' ? durability : 'full')
    this.#endLsns.set(entry, this.#lab.managers.log.nextLsn)
    await decided
    entry.acknowledged = true
    this.counts.decided++
  }

  /** Ends what is under way, closes, and opens again: everything committed is there, and a close leaves the same files. */
  async #reopen(): Promise<void> {
    if (!(await this.#close())) return
    const visited = this.disk.crash({ mode: 'none' })
    const found = await this.#visit(visited)
    // Whoever comes to a leaf first removes the ghosts that a crash has left there. Where redo is deferred, that was nobody yet.
    const again = visited.crash({ mode: 'none' })
    if (this.#script.deferRedo === true) await this.#visit(again)
    const changed = changedFile(this.#script.deferRedo === true ? visited : this.disk, again.crash({ mode: 'none' }))
    if (changed !== undefined) throw new Error(`opening and closing a clean database changes ${changed} (I15)`)
    this.model.recovered(found, this.model.commits.length)
    this.#lab = await openLab(this.disk, this.#script)
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
    this.#lab = lab
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

const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
