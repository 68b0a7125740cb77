/**
 * Runs a script of transactions side by side on a database, writes down what they did and saw, has the
 * machine die now and then, and gives the whole history to the checker, with what each restart has left.
 */
import { AriesError } from '../../src/common/errors.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { choiceOf } from '../commands/runner.ts'
import type { CrashHow } from '../commands/script.ts'
import { drive, idle, type Lab, newDisk, openLab } from '../lab.ts'
import { check, type Report } from './checker.ts'
import { type History, historyText } from './history.ts'
import { type Kind, MIXES, READ_ONLY } from './levels.ts'
import { type RecordedTransaction, Recorder } from './recorder.ts'
import { LISTS, REGISTERS, type Script, SPARSE, type Step, SYNC_MS } from './script.ts'

/** Errors that operations may fail with. */
const EXPECTED = new Set(['TX_DEADLOCK', 'TX_LOCK_TIMEOUT', 'TX_CONFLICT', 'TX_CANCELLED', 'TX_CLOSED', 'DB_CLOSED'])

/** What fills the database, and reads what a restart has left. */
const [CAREFUL] = MIXES.serializable

interface Client {
  transaction: RecordedTransaction | undefined
  /** Operations under way: one, or that and the abort that ends it. */
  underWay: number
  /** Which kind its next transaction has. */
  kind: number
}

/** @throws when something is in the history that the levels of its transactions forbid */
export async function runScript(script: Script, kinds: readonly Kind[]): Promise<Report> {
  const run = new Run(script, kinds)
  const report = check(await run.all())
  const forbidden = report.anomalies.filter(({ isForbidden }) => isForbidden)
  if (forbidden.length === 0) return report
  const texts = forbidden.map(({ name, text }) => `${name}\n${text}`)
  throw new Error([...texts, 'in the history', historyText(run.history)].join('\n'))
}

class Run {
  readonly #script: Script
  readonly #kinds: readonly Kind[]
  readonly #recorder: Recorder
  #disk!: SimulatedFileSystem
  #lab!: Lab
  #clients: Client[] = []
  #underWay = new Set<Promise<void>>()
  #inDoubt: RecordedTransaction[] = []
  #how: CrashHow = 'kill'
  #failure: unknown

  constructor(script: Script, kinds: readonly Kind[]) {
    this.#script = script
    this.#kinds = kinds
    this.#recorder = new Recorder(script.valueBytes)
  }

  get history(): History {
    return this.#recorder.history
  }

  async all(): Promise<History> {
    await this.#open(await newDisk())
    await this.#fill()
    for (const step of this.#script.steps) {
      await this.#take(step)
      if (this.#disk.poweredOff) await this.#restart()
      if (this.#failure !== undefined) throw this.#failure
    }
    await drive(this.#lab.runtime, Promise.all(this.#underWay)).catch((error) => {
      if (!this.#disk.poweredOff) throw error
    })
    await this.#restart()
    if (this.#inDoubt.length > 0) {
      await drive(this.#lab.runtime, Promise.all(this.#inDoubt.map((each) => each.commit())))
      await this.#readAll(CAREFUL)
    }
    await drive(this.#lab.runtime, this.#lab.db.close())
    if (this.#failure !== undefined) throw this.#failure
    return this.history
  }

  async #open(disk: SimulatedFileSystem): Promise<void> {
    this.#disk = disk
    this.#lab = await openLab(disk, { frames: 16, escalateLocksAt: this.#script.escalateLocksAt })
    disk.runtime = this.#lab.runtime
    if (this.#script.isSlow) {
      disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
    }
    this.#underWay = new Set()
    this.#clients = this.#script.kinds.map((kind) => ({ transaction: undefined, underWay: 0, kind }))
  }

  async #fill(): Promise<void> {
    const transaction = this.#recorder.begin(this.#lab.db, CAREFUL)
    for (let i = 0; i < REGISTERS.length; i += SPARSE) await transaction.write(REGISTERS[i] as string)
    await drive(this.#lab.runtime, transaction.commit())
  }

  /** The machine dies, if it has not yet. What comes up again is read, and goes into the history. */
  async #restart(): Promise<void> {
    const image = this.#disk.crash(choiceOf(this.#how))
    this.#disk.crashAfter(1)
    this.#recorder.crash()
    await this.#open(image)
    const problems = this.#lab.db.check()
    if (problems.length > 0) throw new Error(problems.join('\n'))
    this.#inDoubt = this.#recorder.restarted(this.#lab.db)
    // What is in doubt is locked.
    await this.#readAll(this.#inDoubt.length > 0 ? READ_ONLY : CAREFUL)
    this.#how = 'kill'
  }

  async #readAll(kind: Kind): Promise<void> {
    const { db, runtime } = this.#lab
    const transaction = this.#recorder.begin(db, kind)
    for (const list of LISTS) await transaction.readList(list)
    await transaction.range(REGISTERS[0], REGISTERS.at(-1) as string, { reverse: true })
    await drive(runtime, transaction.commit())
  }

  async #take(step: Step): Promise<void> {
    if (step.do === 'time') this.#lab.runtime.advance(SYNC_MS)
    else if (step.do === 'crash') await this.#crash(step)
    else if (step.do === 'checkpoint') this.#start(() => this.#lab.db.checkpoint())
    else if (step.do === 'resolve') this.#resolve(step)
    else this.#takeOf(step)
    if (step.hasty !== true || this.#disk.poweredOff) await idle()
  }

  async #crash({ after, how }: Extract<Step, { do: 'crash' }>): Promise<void> {
    this.#how = how
    if (after > 0) this.#disk.crashAfter(after)
    else await this.#restart()
  }

  #resolve({ by, commits }: Extract<Step, { do: 'resolve' }>): void {
    const [transaction] = this.#inDoubt.splice(by % Math.max(1, this.#inDoubt.length), 1)
    if (transaction !== undefined) this.#start(() => (commits ? transaction.commit() : transaction.abort()))
  }

  /** A step is for a client who has time, except that one may abort while he waits; if nobody has, time passes. */
  #takeOf(step: Step): void {
    const free = this.#clients.filter(({ underWay }) => underWay === 0 || step.do === 'abort')
    const client = free[step.by % free.length]
    if (client === undefined) {
      this.#lab.runtime.advance(SYNC_MS)
      return
    }
    const kind = this.#kinds[client.kind % this.#kinds.length] as Kind
    const { db } = this.#lab
    client.transaction ??= this.#recorder.begin(db, kind)
    const { transaction } = client
    if (transaction.isBeingPrepared || (transaction.isPrepared && !('kind' in step))) return
    if ('kind' in step) {
      client.transaction = undefined
      client.kind = step.kind
    }
    client.underWay++
    this.#start(async () => {
      try {
        await operate(transaction, step)
      } finally {
        client.underWay--
        transaction.failed()
        if (!transaction.isOpen && client.transaction === transaction) client.transaction = undefined
      }
    })
  }

  #start(work: () => Promise<unknown>): void {
    const disk = this.#disk
    const underWay = this.#underWay
    const running = work()
      .then(() => undefined)
      .catch((error: unknown) => {
        if (disk.poweredOff || disk !== this.#disk) return
        if (!AriesError.is(error) || !EXPECTED.has(error.code)) this.#failure ??= error
      })
      .finally(() => underWay.delete(running))
    underWay.add(running)
  }
}

function operate(transaction: RecordedTransaction, step: Step): Promise<void> {
  return transaction.isReadOnly ? read(transaction, step) : write(transaction, step)
}

function write(transaction: RecordedTransaction, step: Step): Promise<void> {
  switch (step.do) {
    case 'append':
      // What is not locked when it is read may be overwritten at this level, and a list would lose an element.
      return transaction.append(LISTS[step.list] as string, step.forUpdate || transaction.level === 'read-committed')
    case 'write':
      return transaction.write(REGISTERS[step.register] as string)
    case 'writeMany': {
      const [from, to] = [Math.min(step.from, step.to), Math.max(step.from, step.to)]
      return transaction.writeMany(REGISTERS.slice(from, to + 1))
    }
    case 'delete':
      return transaction.delete(REGISTERS[step.register] as string)
    case 'savepoint':
      return transaction.savepoint()
    case 'rollbackTo':
      return transaction.rollbackTo()
    case 'prepare':
      return transaction.prepare()
    default:
      return read(transaction, step)
  }
}

async function read(transaction: RecordedTransaction, step: Step): Promise<void> {
  const forUpdate = 'forUpdate' in step && step.forUpdate && !transaction.isReadOnly
  switch (step.do) {
    case 'append':
    case 'readList':
      return transaction.readList(LISTS[step.list] as string, forUpdate)
    case 'write':
    case 'delete':
    case 'read':
      return transaction.read(REGISTERS[step.register] as string, forUpdate)
    case 'writeMany':
    case 'range': {
      const [from, to] = [Math.min(step.from, step.to), Math.max(step.from, step.to)]
      const onEntry = step.do === 'range' && step.isSlow ? { onEntry: idle } : {}
      const manner = { reverse: step.do === 'range' && step.reverse, forUpdate, ...onEntry }
      return transaction.range(REGISTERS[from] as string, REGISTERS[to] as string, manner)
    }
    case 'commit':
      return transaction.commit()
    case 'abort':
      return transaction.abort()
    case 'cancel':
      return transaction.cancel()
  }
}
