/**
 * The planted bugs as data: each still fits the source it was made for. That each is found by a
 * property is what `npm run planted` shows.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { PLANTED_BUGS } from './catalogue.ts'
import { plantInto } from './planted-bug.ts'

const textOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

describe('planted bugs', () => {
  test('are many, and each has its own name', () => {
    const names = PLANTED_BUGS.map(({ name }) => name)
    expect(names.length).toBeGreaterThanOrEqual(60)
    expect([...new Set(names)]).toEqual(names)
    for (const name of names) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  })

  test.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))('%s fits its source', (_name, bug) => {
    const source = textOf(bug.file)
    expect(plantInto(source, bug)).not.toBe(source)
  })

  test('are all in the documented table, and all found', () => {
    const text = textOf('docs/planted-bugs.md')
    expect(/(\d+) of them in all managers/.exec(text)?.[1]).toBe(String(PLANTED_BUGS.length))
    const rows = [...text.matchAll(/^\| `(\S+)` \| \w+ \| I\d+ \| (.*?) \|/gm)]
    expect(rows.map((row) => row[1]).sort()).toEqual(PLANTED_BUGS.map(({ name }) => name).sort())
    for (const [, name, found] of rows) expect(found, name).not.toMatch(/NOT FOUND/)
  })

  test('name invariants that are documented, and say one sentence', () => {
    const documented = [...textOf('docs/invariants.md').matchAll(/^\| (I\d+) \|/gm)].map((match) => match[1])
    for (const { name, invariant, sentence } of PLANTED_BUGS) {
      expect(documented, name).toContain(invariant)
      expect(sentence, name).toMatch(/^[A-Z].*\.$/)
    }
  })
})

test('a patch that fits nowhere, or twice, is refused', () => {
  const bug = { name: 'x', invariant: 'I1', sentence: 'X.', file: 'f', find: 'aa', replace: 'b' }
  expect(plantInto('caac', bug)).toBe('cbc')
  expect(() => plantInto('ccc', bug)).toThrow('0 times')
  expect(() => plantInto('aacaa', bug)).toThrow('2 times')
})
