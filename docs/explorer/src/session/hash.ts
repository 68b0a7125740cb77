/**
 * Places as the hash of an address: a query string with one of
 *
 *     scenario=ID          a textbook scenario
 *     text=...             an own scenario in the text notation
 *     actions=1~...        a live session
 *
 * and perhaps `step=N` and `predict=1`. Actions are written as short as they can be read by eye: each begins with
 * a letter, `.` stands between its parts and `~` between actions; in names and values every character but
 * letters, digits, `-` and `_` is `$` and four hexadecimal digits of UTF-16.
 *
 *     1~b.T1~p.T1.accounts.alice.10~c.T1~x.none.2~r
 *
 * | letter | action                            | letter | action                                    |
 * |--------|-----------------------------------|--------|-------------------------------------------|
 * | b      | begin: txn                        | n      | createTable: txn, table                   |
 * | p      | put: txn, table, key, value       | P      | flushPage: pageId                         |
 * | d, g   | delete, get: txn, table, key      | L, C   | flushLog, checkpoint                      |
 * | f      | fill: txn, table, from, count     | x      | crash: survivors, and after how many steps |
 * | c, a   | commit, abort: txn                | r      | restart                                   |
 * | s, t   | savepoint, rollbackTo: txn, name  |        |                                           |
 *
 * Survivors are `none`, `all`, `kill`, or a list, `0_3-0-1_7`: write 0 as a whole, parts 0 and 1 of write 3,
 * write 7; `_` alone is an empty list. The number in front is the version of this notation.
 */
import type { Action, Place, SurvivingWrite, Survivors } from './types.ts'

const VERSION = '1'

export function encodeHash({ content, step, isPredicting }: Place): string {
  const parts = [contentPart(content)]
  if (step !== undefined) parts.push(`step=${step}`)
  if (isPredicting === true) parts.push('predict=1')
  return `#${parts.join('&')}`
}

function contentPart(content: Place['content']): string {
  switch (content.kind) {
    case 'scenario':
      return `scenario=${encodeURIComponent(content.id)}`
    case 'text':
      return new URLSearchParams({ text: content.text }).toString()
    case 'actions':
      return `actions=${[VERSION, ...content.actions.map(encodeAction)].join('~')}`
  }
}

/** Undefined for a hash that is none of ours. */
export function decodeHash(hash: string): Place | undefined {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''))
  const content = contentOf(parameters)
  if (content === undefined) return undefined
  const step = parameters.get('step')
  return {
    content,
    step: step !== null && /^\d+$/.test(step) ? Number(step) : undefined,
    isPredicting: parameters.get('predict') === '1',
  }
}

function contentOf(parameters: URLSearchParams): Place['content'] | undefined {
  const [id, text, actions] = ['scenario', 'text', 'actions'].map((name) => parameters.get(name) ?? undefined)
  if (id !== undefined) return { kind: 'scenario', id }
  if (text !== undefined) return { kind: 'text', text }
  const decoded = actions === undefined ? undefined : decodeActions(actions)
  return decoded === undefined ? undefined : { kind: 'actions', actions: decoded }
}

function decodeActions(text: string): Action[] | undefined {
  const [version, ...parts] = text.split('~')
  if (version !== VERSION) return undefined
  const actions: Action[] = []
  for (const part of parts) {
    const action = decodeAction(part)
    if (action === undefined) return undefined
    actions.push(action)
  }
  return actions
}

const escaped = (text: string): string =>
  text.replace(/[^\w-]|_/g, (sign) => `$${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

const unescaped = (text: string): string =>
  text.replace(/\$([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

type Kind = Action['kind']

/** The fields of an action that are written, in their order. */
const FIELDS: Readonly<Record<Exclude<Kind, 'crash'>, readonly [letter: string, ...fields: string[]]>> = {
  begin: ['b', 'txn'],
  put: ['p', 'txn', 'table', 'key', 'value'],
  delete: ['d', 'txn', 'table', 'key'],
  get: ['g', 'txn', 'table', 'key'],
  fill: ['f', 'txn', 'table', 'from', 'count'],
  commit: ['c', 'txn'],
  abort: ['a', 'txn'],
  savepoint: ['s', 'txn', 'name'],
  rollbackTo: ['t', 'txn', 'name'],
  createTable: ['n', 'txn', 'table'],
  flushPage: ['P', 'pageId'],
  flushLog: ['L'],
  checkpoint: ['C'],
  restart: ['r'],
}
const NUMBERS: ReadonlySet<string> = new Set(['from', 'count', 'pageId'])
const CRASH = 'x'

function encodeAction(action: Action): string {
  if (action.kind === 'crash') {
    const after = action.after === undefined ? [] : [action.after]
    return [CRASH, encodeSurvivors(action.survivors), ...after].join('.')
  }
  const [letter, ...fields] = FIELDS[action.kind]
  const values = action as unknown as Readonly<Record<string, string | number>>
  return [letter, ...fields.map((field) => escaped(String(values[field])))].join('.')
}

function decodeAction(text: string): Action | undefined {
  const [letter, ...parts] = text.split('.')
  if (letter === CRASH) return decodeCrash(parts)
  const found = Object.entries(FIELDS).find(([, [own]]) => own === letter)
  if (found === undefined) return undefined
  const [kind, [, ...fields]] = found
  if (parts.length !== fields.length) return undefined
  const values = fields.map((field, i) => {
    const value = unescaped(parts[i] as string)
    return [field, NUMBERS.has(field) ? wholeNumber(value) : value] as const
  })
  if (values.some(([, value]) => value === undefined)) return undefined
  return { kind, ...Object.fromEntries(values) } as unknown as Action
}

const wholeNumber = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined)

function encodeSurvivors(survivors: Survivors): string {
  if (typeof survivors === 'string') return survivors
  const writes = survivors.map(({ index, parts }) => [index, ...(parts ?? [])].join('-'))
  return writes.length === 0 ? '_' : writes.join('_')
}

function decodeCrash([survivorsText, afterText, ...rest]: readonly string[]): Action | undefined {
  const survivors = decodeSurvivors(survivorsText ?? '')
  const after = afterText === undefined ? undefined : wholeNumber(afterText)
  if (survivors === undefined || rest.length > 0 || (afterText !== undefined && after === undefined)) return undefined
  return after === undefined ? { kind: 'crash', survivors } : { kind: 'crash', survivors, after }
}

function decodeSurvivors(text: string): Survivors | undefined {
  if (text === 'none' || text === 'all' || text === 'kill') return text
  if (text === '_') return []
  const writes: SurvivingWrite[] = []
  for (const write of text.split('_')) {
    const [index, ...parts] = write.split('-').map(wholeNumber)
    if (index === undefined || parts.includes(undefined)) return undefined
    writes.push(parts.length === 0 ? { index } : { index, parts: parts as number[] })
  }
  return writes
}
