/**
 * What the chapters of the course quote, and what is really printed. A quote may leave out lines, for which
 * there is a line `...`; times are not compared.
 *
 *   a block that begins with `$ npx aries`       what the program prints
 *   a block `repl`                               a session of the shell; `repl next` goes on with the one before
 *   a block `ts run`, and the block behind it    a program, and what it prints
 *   a block `ts PATH`                            lines of a source file
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LOADER = import.meta.resolve('tsx')
const PROGRAM = join(ROOT, 'src/cli/main.ts')
const PROMPT = /^(?:aries(?: \S+)?|crashed)> (.*)$/

export interface Block {
  readonly info: string
  readonly lines: readonly string[]
}

/** A quote, in one block or in several that go on with each other, and what is printed now. */
export interface Quote {
  /** Of the blocks, in their page. */
  readonly indexes: readonly number[]
  readonly printed: readonly string[]
}

/** The fenced blocks of a page. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    info: match[1] as string,
    lines: (match[2] as string).trimEnd().split('\n'),
  }))
}

/** A process of this Node.js that runs TypeScript; some commands end with an exit code that is not 0. */
function print(file: string, args: readonly string[], input = ''): string[] {
  try {
    return linesOf(
      execFileSync(process.execPath, ['--import', LOADER, file, ...args], { cwd: ROOT, input, encoding: 'utf8' }),
    )
  } catch (error) {
    return linesOf((error as { stdout: string }).stdout)
  }
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n')

/** `S01*` in the place of a long file name, as a shell does it. */
function expand(word: string): string {
  if (!word.endsWith('*.json')) return word
  const start = basename(word).replace('*.json', '')
  const name = readdirSync(join(ROOT, dirname(word))).find((file) => file.startsWith(start)) ?? word
  return join(dirname(word), name)
}

/** What the block's first line prints, a command of the program. */
export function printedBy(command: string): string[] {
  return print(PROGRAM, command.replace('$ npx aries ', '').split(' ').map(expand))
}

/** The session with the commands that stand behind prompts. */
export function sessionOf(lines: readonly string[]): string[] {
  const commands = lines.flatMap((line) => line.match(PROMPT)?.[1] ?? [])
  return print(PROGRAM, ['repl'], `${commands.join('\n')}\n`)
}

const sourceUrl = (name: string): string => pathToFileURL(join(ROOT, 'src', name)).href
/** What a program may import, and where that is. */
const MODULES: Readonly<Record<string, string>> = {
  'aries-db': sourceUrl('index.ts'),
  'aries-db/testing': sourceUrl('testing/index.ts'),
  'aries-db/testing/fast-check': sourceUrl('testing/fast-check.ts'),
  'fast-check': import.meta.resolve('fast-check'),
}

/** What the program in a block prints; `files` are others beside it, by name. */
export function outputOf(
  program: readonly string[],
  files: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'aries-course-'))
  try {
    for (const [name, lines] of Object.entries({ ...files, 'program.mts': program })) {
      const text = lines.join('\n').replaceAll(/(?<= from ')[^']+/g, (specifier) => MODULES[specifier] ?? specifier)
      writeFileSync(join(directory, name), text)
    }
    return print(join(directory, 'program.mts'), [])
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const untimed = (line: string): string => line.replace(/\d+(\.\d+)? m?s\b/g, 'TIME')

/** Where all of `part` stands in `lines` in one piece, from a place on; -1 when nowhere. */
function indexOfPart(lines: readonly string[], part: readonly string[], from: number): number {
  for (let at = from; at + part.length <= lines.length; at++) {
    if (part.every((line, i) => lines[at + i] === line)) return at
  }
  return -1
}

/** The pieces of a quote between lines `...`; an empty one where it begins or ends with such a line. */
function partsOf(quote: readonly string[]): string[][] {
  const parts: string[][] = [[]]
  for (const line of quote) {
    if (line === '...') parts.push([])
    else parts.at(-1)?.push(line)
  }
  return parts
}

/** The first piece of a quote that was not printed where it should be, or undefined. */
export function misquoted(quote: readonly string[], printed: readonly string[]): string | undefined {
  const real = printed.map(untimed)
  const parts = partsOf(quote.map(untimed))
  let at = 0
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1
    const from = i > 0 && isLast && part.length > 0 ? Math.max(at, real.length - part.length) : at
    const found = indexOfPart(real, part, from)
    if (found < 0 || (i === 0 && found > 0)) return part.join('\n')
    at = found + part.length
    if (isLast && part.length > 0 && at < real.length) return `(more was printed: ${real[at]})`
  }
  return undefined
}
