/**
 * The course says what is so: whatever its chapters quote is run again, and each has the parts that a
 * reader is told to find.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { drawnFigures } from '../../docs/figures/make.ts'
import { lineOf } from '../../docs/site/links.ts'
import { type Block, blocksOf, misquoted, outputOf, printedBy, sessionOf } from './quotes.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COURSE = join(ROOT, 'docs/course')
const CHAPTERS = readdirSync(COURSE).filter((name) => /^\d\d-.*\.md$/.test(name))
const SECTIONS = ['Predict first', 'Run it', 'Misconceptions', 'Exercises', 'References']

/** Sessions of the shell: a block `repl` and those that go on with it. */
function sessionsOf(blocks: readonly Block[]): string[][] {
  const sessions: string[][] = []
  for (const { info, lines } of blocks) {
    if (info === 'repl') sessions.push([...lines])
    if (info === 'repl next') sessions.at(-1)?.push(...lines)
  }
  return sessions
}

test('there are ten chapters', () => {
  expect(CHAPTERS).toHaveLength(10)
})

describe.each(CHAPTERS)('%s', (name) => {
  const text = readFileSync(join(COURSE, name), 'utf8')
  const blocks = blocksOf(text)
  const commands = blocks.filter(({ lines }) => lines[0]?.startsWith('$ npx aries '))

  test('has its parts', () => {
    const sections = [...text.matchAll(/^## (.*)$/gm)].map((match) => match[1] as string)
    expect(sections.filter((section) => SECTIONS.includes(section))).toEqual(SECTIONS)
    const exercises = text.split('\n## Exercises\n')[1]?.split('\n## ')[0] ?? ''
    const count = [...exercises.matchAll(/^\*\*\d\.\*\* /gm)].length
    expect(count).toBeGreaterThanOrEqual(3)
    expect(exercises.match(/<summary>Solution<\/summary>/g)).toHaveLength(count)
    expect(text).toMatch(/<Explorer scenario="/)
    expect(text).toMatch(/\]\(figures\/[\w-]+\.svg\)/)
    expect(commands.length).toBeGreaterThan(0)
  })

  test.each(commands.map(({ lines }) => [lines[0] as string, lines.slice(1)] as const))('%s', (command, quote) => {
    expect(misquoted(quote, printedBy(command))).toBeUndefined()
  })

  test('the sessions of the shell are as they are shown', () => {
    for (const session of sessionsOf(blocks)) expect(misquoted(session, sessionOf(session))).toBeUndefined()
  })

  test('the programs print what is shown', () => {
    for (const [i, { info, lines }] of blocks.entries()) {
      if (info === 'ts run') expect(misquoted(blocks[i + 1]?.lines ?? [], outputOf(lines))).toBeUndefined()
    }
  })

  test('quotes the source as it is', () => {
    const wrong = blocks.filter(({ info, lines }) => {
      const path = info.match(/^ts (src\/.*)$/)?.[1]
      return path !== undefined && !readFileSync(join(ROOT, path), 'utf8').includes(lines.join('\n'))
    })
    expect(wrong).toEqual([])
  })

  test('names in links to the source are declared there', () => {
    const links = [...text.matchAll(/\[`([^`]+)`\]\(\.\.\/\.\.\/(src\/[^)]+\.ts)\)/g)]
    const unknown = links.filter(
      ([, word, path]) => word !== path && lineOf(path as string, word as string) === undefined,
    )
    expect(unknown.map(([link]) => link)).toEqual([])
  })

  test('shows scenarios that there are', () => {
    const ids = [...text.matchAll(/<Explorer scenario="(\w+)"/g)].map((match) => match[1] as string)
    const names = readdirSync(join(ROOT, 'test/scenarios'))
    expect(ids.filter((id) => !names.some((file) => file.startsWith(`${id}-`)))).toEqual([])
  })
})

describe('drawings', () => {
  test.each([...drawnFigures()])('%s is what docs/figures makes', (name, svg) => {
    expect(readFileSync(join(COURSE, 'figures', name), 'utf8')).toBe(svg)
  })

  test('each is shown, and none is shown that there is not', () => {
    const shown = CHAPTERS.flatMap((name) =>
      [...readFileSync(join(COURSE, name), 'utf8').matchAll(/\]\((figures\/[^)]+)\)/g)].map(
        (match) => match[1] as string,
      ),
    )
    expect(shown.filter((path) => !existsSync(join(COURSE, path)))).toEqual([])
    expect([...new Set(shown)].sort()).toEqual(
      readdirSync(join(COURSE, 'figures'))
        .map((name) => `figures/${name}`)
        .sort(),
    )
  })
})

describe('what a quote may leave out', () => {
  const printed = ['a', 'b', 'c', 'b', 'd in 3.2 ms']

  test.each([
    [['a', 'b', 'c', 'b', 'd in 4 ms'], undefined],
    [['a', '...', 'd in 4 ms'], undefined],
    [['...', 'b', 'd in 4 ms'], undefined],
    [['...', 'b', 'c', '...'], undefined],
    [['b', '...'], 'b'],
    [['...', 'c', 'd in 4 ms'], 'c\nd in TIME'],
    [['...', 'c', '...', 'a', '...'], 'a'],
    [['...', 'x', '...'], 'x'],
    [['...', 'c'], 'c'],
    [['a', 'b'], '(more was printed: c)'],
  ] as const)('%j', (quote, expected) => {
    expect(misquoted(quote, printed)).toBe(expected)
  })
})
