/** Databases in directories of their own, and what the tests of this folder do to their files. */
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type Database, type OpenOptions, open, utf8 } from '../../src/index.ts'

export const TEXT = { key: utf8, value: utf8 } as const

let scratch = ''
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'aries-cli-'))
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

/** A path in a directory that lasts as long as the test. */
export const scratchPath = (name: string): string => join(scratch, name)

/**
 * A database that `fill` has written to, as a clean close leaves it, or as the death of the process does:
 * what `fill` leaves open is then unfinished.
 */
export async function makeDatabase(
  end: 'closed' | 'killed',
  fill: (database: Database) => Promise<unknown>,
  options: OpenOptions = {},
): Promise<string> {
  const directory = scratchPath('original')
  const image = scratchPath('database')
  const database = await open(directory, { createIfMissing: true, ...options })
  await fill(database)
  await database.flush()
  if (end === 'killed') cpSync(directory, image, { recursive: true, filter: (path) => !path.endsWith('lock') })
  await database.close()
  if (end === 'closed') cpSync(directory, image, { recursive: true })
  return image
}

/** A loser that has rolled back to a savepoint, then gone on after `midway`; a rollback; a prepared transaction. */
export async function leaveUnfinished(database: Database, midway: () => Promise<void> = async () => {}): Promise<void> {
  const fruit = database.table('fruit', TEXT)
  const loser = database.begin()
  await loser.put(fruit, 'kiwi', 'green')
  const savepoint = await loser.savepoint()
  await loser.put(fruit, 'lemon', 'yellow')
  await loser.rollbackTo(savepoint)
  await midway()
  await loser.put(fruit, 'lime', 'green')
  const aborted = database.begin()
  await aborted.put(fruit, 'plum', 'blue')
  await aborted.abort()
  const prepared = database.begin()
  await prepared.put(fruit, 'fig', 'brown')
  await prepared.prepare('transfer 1')
}

/** Everything that shows whether a directory was written to: names, contents, times. */
export function fingerprint(directory: string): string[] {
  const files = readdirSync(directory).map((name) => {
    const path = join(directory, name)
    const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
    return `${name} ${statSync(path).mtimeMs} ${hash}`
  })
  return [`directory ${statSync(directory).mtimeMs}`, ...files]
}

export function flipByte(file: string, offset: number): void {
  const content = readFileSync(file)
  content.writeUInt8(content.readUInt8(offset) ^ 0xff, offset)
  writeFileSync(file, content)
}

/** The values of JSON Lines. */
export function linesOf<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
