/**
 * Handles: the database, its tables and transactions as a simulated program gets them. They do what the
 * real ones do; in addition they tell the timeline what was asked for, and their promises never settle
 * after the program's death (simulated-process.ts).
 */
import type { Database, Transaction, TransactionOptions } from '../index.ts'

/** What handles need of the process that they are in. */
export interface HandleOwner {
  /** The same promise, which never settles after death. `name` says what the program waits for. */
  guard<T>(promise: Promise<T>, name: string): Promise<T>
  /** A transaction that ends by itself; one that was begun by hand may be left open, as a program that dies leaves it. */
  began(transaction: Transaction): void
  did(text: () => string): void
}

type Method = (...args: unknown[]) => unknown
type Methods = Readonly<Record<string, Method>>

export function databaseHandle(database: Database, owner: HandleOwner): Database {
  return handle(database, owner, 'the database', {
    begin: (...args) => {
      const transaction = database.begin(...(args as Parameters<Database['begin']>))
      owner.did(() => `transaction ${transaction.id} begins`)
      return transactionHandle(transaction, owner)
    },
    transaction: (fn, options) => {
      if (typeof fn !== 'function') return database.transaction(fn as never)
      return transactionOf(database, fn as Method, options as TransactionOptions | undefined, owner)
    },
    table: (...args) => {
      const table = database.table(...(args as Parameters<Database['table']>))
      const who = `table ${table.name}`
      return handle(table, owner, who, told(table, owner, ['put', 'putMany', 'delete', 'clear'], who))
    },
    inDoubt: () =>
      database.inDoubt().map((inDoubt) => {
        const who = `in-doubt transaction ${inDoubt.id} (${inDoubt.name})`
        return handle(inDoubt, owner, who, told(inDoubt, owner, ['commit', 'abort'], who))
      }),
    ...told(database, owner, ['checkpoint', 'flush', 'dropTable', 'close'], 'database'),
  })
}

async function transactionOf(
  database: Database,
  fn: Method,
  options: TransactionOptions | undefined,
  owner: HandleOwner,
): Promise<unknown> {
  let committing: Transaction | undefined
  const body = (transaction: Transaction, attempt: number): unknown => {
    committing = undefined
    owner.began(transaction)
    owner.did(() => `transaction ${transaction.id} begins${attempt === 1 ? '' : ` (attempt ${attempt})`}`)
    return new Promise((resolve, reject) => {
      // The engine commits when this resolves.
      Promise.resolve(fn(transactionHandle(transaction, owner), attempt)).then((value) => {
        if (transaction.isActive) {
          committing = transaction
          owner.did(() => `transaction ${transaction.id}: commit ...`)
        }
        resolve(value)
      }, reject)
    })
  }
  const result = await database.transaction(body, options)
  if (committing !== undefined) owner.did(() => `transaction ${committing?.id}: commit done`)
  return result
}

function transactionHandle(transaction: Transaction, owner: HandleOwner): Transaction {
  const verbs = [
    'put',
    'putMany',
    'delete',
    'clear',
    'prepare',
    'commit',
    'abort',
    'savepoint',
    'rollbackTo',
    'createTable',
    'dropTable',
  ]
  const who = `transaction ${transaction.id}`
  return handle(transaction, owner, who, told(transaction, owner, verbs, who))
}

/** Methods of `target` that tell the timeline of themselves; those that wait for the disk also when they are done. */
function told(target: object, owner: HandleOwner, names: readonly string[], who: string): Methods {
  const methods: Record<string, Method> = {}
  for (const name of names) {
    methods[name] = (...args) => {
      const waits = isTable(target) || WAITS.has(name)
      owner.did(() => [`${who}:`, name, ...args.map(show), ...(waits ? ['...'] : [])].filter(Boolean).join(' '))
      const result = Reflect.apply(Reflect.get(target, name) as Method, target, args) as Promise<unknown>
      if (!waits) return result
      return result.then((value) => {
        owner.did(() => `${who}: ${name} done`)
        return value
      })
    }
  }
  return methods
}

const WAITS = new Set(['prepare', 'commit', 'abort', 'checkpoint', 'flush', 'close'])

/** `target` with some methods replaced, and every promise that a method returns guarded. */
function handle<T extends object>(target: T, owner: HandleOwner, who: string, replaced: Methods): T {
  const proxy: T = new Proxy(target, {
    get: (_target, property) => {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      const method = typeof property === 'string' ? replaced[property] : undefined
      return (...args: unknown[]) => {
        const result: unknown = method === undefined ? Reflect.apply(value, target, args) : method(...args)
        if (result instanceof Promise) return owner.guard(result, `${String(property)} of ${who}`)
        if (result === target) return proxy
        return isIterator(result) ? handle(result, owner, `a range of ${who}`, {}) : result
      }
    },
  })
  return proxy
}

function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

const SHOWN_MAX = 60

/** A value in few words. */
export function show(value: unknown): string {
  if (isTable(value)) return value.name
  if (value === undefined) return ''
  const text = value instanceof Uint8Array ? `0x${hex(value)}` : (asJson(value) ?? String(value))
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}... (${text.length} characters)`
}

function isTable(value: unknown): value is { readonly name: string } {
  return typeof value === 'object' && value !== null && 'key' in value && 'value' in value && 'name' in value
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, SHOWN_MAX), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Values without a form in JSON, such as cycles and functions, have none here either. */
function asJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
