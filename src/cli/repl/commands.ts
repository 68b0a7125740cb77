/** The commands of the shell, one entry each. */
import type { TraceEvent } from '../../index.ts'
import { describeEvent } from '../../index.ts'
import type { CrashChoice } from '../../io/simulated-file-system.ts'
import { CliError } from '../errors.ts'
import { counted, withoutControls } from '../output.ts'
import { reportLines } from '../show/recovery-report.ts'
import { errorText, type Session } from './session.ts'
import { SHOWN } from './show.ts'
import { nameOf, type Words, wordsOf } from './words.ts'

export interface ReplCommand {
  readonly usage: string
  readonly help: string
  /** What it prints. */
  run(session: Session, words: Words): Promise<string[]>
  /** What may follow it, for completion. */
  readonly choices?: (session: Session) => readonly string[]
}

/** What was typed is no command, or not as it should be. */
export class UsageError extends CliError {}

const wordOf = ({ words }: Words, index: number, usage: string): string => {
  const word = words[index]
  if (word === undefined) throw new UsageError(`usage: ${usage}`)
  return word
}

const transactionNames = ({ transactions }: Session): string[] => [...transactions.keys()]

const tableNames = (session: Session): string[] =>
  session.isOpen ? session.opened.managers.catalog.list().map(({ name }) => name) : []

async function endInDoubt(session: Session, name: string, end: 'commit' | 'abort'): Promise<string[] | undefined> {
  const found = session.database.inDoubt().find((inDoubt) => inDoubt.name === name)
  if (found === undefined) return undefined
  await found[end]()
  return [`${JSON.stringify(name)}, which was in doubt: ${end === 'commit' ? 'committed' : 'rolled back'}`]
}

/** Commit and abort: of the current transaction, of one by name, or of one in doubt. */
async function endTransaction(session: Session, words: Words, end: 'commit' | 'abort'): Promise<string[]> {
  const name = nameOf(words)
  if (name !== undefined && !session.transactions.has(name)) {
    const lines = await endInDoubt(session, name, end)
    if (lines !== undefined) return lines
  }
  const named = name === undefined ? session.mustHaveCurrent : session.use(name)
  await named.transaction[end]()
  session.forget(named)
  return [`${named.name} ${end === 'commit' ? 'committed' : 'rolled back'}`]
}

/** What an operation of the current transaction has to say when it has ended, or for what it waits. */
async function told<T>(
  session: Session,
  what: string,
  work: Promise<T>,
  inWords: (result: T) => string,
): Promise<string[]> {
  return (await session.settle(session.current, what, work.then(inWords))).split('\n')
}

const TRACES = ['on', 'all', 'off'] as const

const CRASHES = ['power', 'kill', 'random'] as const

function crashChoiceOf({ words }: Words, usage: string): CrashChoice {
  const [how = 'power', seed = '1'] = words
  if (how === 'power') return { mode: 'none' }
  if (how === 'kill') return { mode: 'kill' }
  if (how === 'random' && /^\d+$/.test(seed)) return { mode: 'random', seed: Number(seed) }
  throw new UsageError(`usage: ${usage}`)
}

export const COMMANDS: Readonly<Record<string, ReplCommand>> = {
  begin: {
    usage: 'begin [NAME]',
    help: 'begin a transaction; the commands that follow belong to it',
    run: async (session, { words }) => {
      const { name, transaction } = session.begin(words[0])
      return [`${name} is transaction ${transaction.id}`]
    },
  },
  use: {
    usage: 'use NAME',
    help: 'go on with another open transaction',
    choices: transactionNames,
    run: async (session, words) => [`now ${session.use(wordOf(words, 0, 'use NAME')).name}`],
  },
  table: {
    usage: 'table NAME',
    help: 'work on this table; the first put makes it',
    choices: tableNames,
    run: async (session, words) => {
      session.tableName = wordOf(words, 0, 'table NAME')
      return [`now table ${session.tableName}`]
    },
  },
  put: {
    usage: 'put KEY VALUE...',
    help: 'store the rest of the line, as it is, under a key; a key with spaces is put in quotes',
    run: async (session, { words, rest: value }) => {
      const key = words[0]
      if (key === undefined || words.length < 2) throw new UsageError('usage: put KEY VALUE...')
      const { current, table } = session
      const work = current === undefined ? table.put(key, value) : current.transaction.put(table, key, value)
      return told(session, `put ${key}`, work, () => 'done')
    },
  },
  get: {
    usage: 'get KEY',
    help: 'the value under a key',
    run: async (session, words) => {
      const key = wordOf(words, 0, 'get KEY')
      const { current, table } = session
      const work = current === undefined ? table.get(key) : current.transaction.get(table, key)
      return told(session, `get ${key}`, work, (value) => withoutControls(value ?? '(nothing)'))
    },
  },
  del: {
    usage: 'del KEY',
    help: 'remove a key',
    run: async (session, words) => {
      const key = wordOf(words, 0, 'del KEY')
      const { current, table } = session
      const work = current === undefined ? table.delete(key) : current.transaction.delete(table, key)
      return told(session, `del ${key}`, work, (was) => (was ? 'done' : '(it was not there)'))
    },
  },
  scan: {
    usage: 'scan [FROM]',
    help: 'all rows of the table, or those from a key on',
    run: async (session, { words }) => {
      const { current, table } = session
      const range = words[0] === undefined ? {} : { gte: words[0] }
      const rows = current === undefined ? table.range(range) : current.transaction.range(table, range)
      return told(session, 'scan', collect(rows), (lines) => lines.join('\n') || '(nothing)')
    },
  },
  savepoint: {
    usage: 'savepoint NAME',
    help: 'mark a point of the transaction to roll back to',
    run: async (session, words) => {
      const name = wordOf(words, 0, 'savepoint NAME')
      const { transaction, savepoints } = session.mustHaveCurrent
      savepoints.set(name, await transaction.savepoint())
      return [`savepoint ${name}`]
    },
  },
  rollback: {
    usage: 'rollback NAME',
    help: 'undo what came after a savepoint',
    choices: ({ current }) => [...(current?.savepoints.keys() ?? [])],
    run: async (session, words) => {
      const name = wordOf(words, 0, 'rollback NAME')
      const { transaction, savepoints } = session.mustHaveCurrent
      const savepoint = savepoints.get(name)
      if (savepoint === undefined) throw new CliError(`there is no savepoint ${name}`)
      await transaction.rollbackTo(savepoint)
      return [`back at ${name}`]
    },
  },
  prepare: {
    usage: 'prepare NAME',
    help: 'prepare the transaction: it stays in doubt, over crashes too, until "commit NAME" or "abort NAME"',
    run: async (session, words) => {
      const name = nameOf(words)
      if (name === undefined) throw new UsageError('usage: prepare NAME')
      const named = session.mustHaveCurrent
      await named.transaction.prepare(name)
      session.forget(named)
      return [`${named.name} is prepared as ${JSON.stringify(name)}`]
    },
  },
  commit: {
    usage: 'commit [NAME]',
    help: 'commit the transaction, another one, or one in doubt',
    choices: transactionNames,
    run: (session, words) => endTransaction(session, words, 'commit'),
  },
  abort: {
    usage: 'abort [NAME]',
    help: 'roll the transaction back, another one, or one in doubt',
    choices: transactionNames,
    run: (session, words) => endTransaction(session, words, 'abort'),
  },
  checkpoint: {
    usage: 'checkpoint',
    help: 'take a fuzzy checkpoint',
    run: async ({ database, opened }) => {
      await database.checkpoint()
      return [`checkpoint at LSN ${opened.checkpointer.checkpointLsn}`]
    },
  },
  flush: {
    usage: 'flush [log|pages]',
    help: 'make the log durable, or write all dirty pages',
    choices: () => ['log', 'pages'],
    run: async ({ database, opened }, { words }) => {
      const [what = 'log'] = words
      if (what !== 'log' && what !== 'pages') throw new UsageError('usage: flush [log|pages]')
      if (what === 'log') await database.flush()
      else await opened.managers.buffer.writeAll()
      return [what === 'log' ? `durable up to LSN ${opened.managers.log.flushedLsn}` : 'all pages are on disk']
    },
  },
  crash: {
    usage: 'crash [power|kill|random SEED]',
    help: 'lose power (what was not synced is lost), kill the process (nothing is), or lose a random part of it',
    choices: () => CRASHES,
    run: async (session, words) => {
      session.crash(crashChoiceOf(words, 'crash [power|kill|random SEED]'))
      return ['crashed; "recover" brings it up again']
    },
  },
  recover: {
    usage: 'recover [explain]',
    help: 'restart after a crash; "explain" tells each step',
    choices: () => ['explain'],
    run: async (session, { words }) => {
      if (session.isOpen) throw new CliError('the database is open; there is nothing to recover')
      const { onEvent } = session
      if (words[0] === 'explain') session.onEvent = (event) => tellEvent(session, event)
      try {
        return reportLines((await session.open()).recovery)
      } finally {
        session.onEvent = onEvent
      }
    },
  },
  trace: {
    usage: 'trace on|all|off',
    help: 'tell what the engine does: records, flushes, pages, waits, splits, rollbacks; "all": every lock and look at a page too',
    choices: () => TRACES,
    run: async (session, { words }) => {
      const [how] = words
      if (how !== 'on' && how !== 'all' && how !== 'off') throw new UsageError('usage: trace on|all|off')
      const isTold = (event: TraceEvent): boolean => how === 'all' || !isRoutine(event)
      const tell = (event: TraceEvent): void => {
        if (isTold(event)) tellEvent(session, event)
      }
      session.onEvent = how === 'off' ? undefined : tell
      return [`trace ${how}`]
    },
  },
  check: {
    usage: 'check',
    help: 'check every table and page',
    run: async ({ database }) => {
      const problems = database.check()
      return problems.length === 0 ? ['sound'] : [...problems, counted(problems.length, 'problem')]
    },
  },
  show: {
    usage: `show ${Object.keys(SHOWN).join('|')} [NUMBER]`,
    help: 'look inside: transaction table, dirty page table, the last records of the log, locks, a page, ...',
    choices: () => Object.keys(SHOWN),
    run: async (session, { words }) => {
      const show = SHOWN[words[0] ?? '']
      if (show === undefined) throw new UsageError(`usage: show ${Object.keys(SHOWN).join('|')} [NUMBER]`)
      return show(session, words[1])
    },
  },
  help: {
    usage: 'help',
    help: 'this list',
    run: async () => Object.values(COMMANDS).map(({ usage, help }) => `${usage.padEnd(32)} ${help}`),
  },
}

/** What happens many times in each operation and holds nobody up. */
const isRoutine = ({ kind }: TraceEvent): boolean => kind === 'fixed' || kind === 'locked' || kind === 'unlocked'

const tellEvent = (session: Session, event: TraceEvent): void => session.print(`  ${describeEvent(event)}`)

async function collect(rows: AsyncIterable<[string, string]>): Promise<string[]> {
  const lines: string[] = []
  for await (const [key, value] of rows) lines.push(withoutControls(`${key}  ${value}`))
  return lines
}

/** Runs a line and returns what it prints. @throws `UsageError` for what is no command */
export async function runLine(session: Session, line: string): Promise<string[]> {
  const text = line.trim()
  const [name] = text.split(/\s/)
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name as string] : undefined
  if (command === undefined) throw new UsageError(`there is no command ${name}; "help" lists them`)
  const { current } = session
  try {
    return await command.run(session, wordsOf(text.slice((name as string).length)))
  } catch (error) {
    // A deadlock, for one, has rolled it back.
    if (current !== undefined && !current.transaction.isActive) session.forget(current)
    if (error instanceof UsageError) throw error
    return [`error: ${errorText(error)}`]
  }
}

/** What may be meant by the start of a line, and the part of it that is completed. */
export function completionsOf(session: Session, line: string): [string[], string] {
  const words = line.split(/\s+/)
  const last = words.at(-1) ?? ''
  const command = Object.hasOwn(COMMANDS, words[0] ?? '') ? COMMANDS[words[0] as string] : undefined
  const choices = words.length === 1 ? Object.keys(COMMANDS) : (command?.choices?.(session) ?? [])
  return [choices.filter((choice) => choice.startsWith(last)).map((choice) => `${choice} `), last]
}
