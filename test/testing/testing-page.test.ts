/** docs/testing.md says what is so. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, misquoted } from '../course/quotes.ts'
import { bankTest, quotesOfTesting, replayIn } from './testing-page.ts'

const blocks = blocksOf(readFileSync(join(import.meta.dirname, '../../docs/testing.md'), 'utf8'))

test('its programs print what is shown', () => {
  for (const { indexes, printed } of quotesOfTesting(blocks)) {
    const quote = indexes.flatMap((index) => blocks[index]?.lines ?? [])
    expect(misquoted(quote, printed)).toBeUndefined()
  }
})

test('the case that it says to replay fails again, and passes once the bank is mended', () => {
  const replay = replayIn(blocks.flatMap(({ lines }) => lines.filter((line) => line.includes('{ ..., replay: '))))
  expect(bankTest(blocks, false, replay)).toEqual(expect.arrayContaining(['  alice has 90 and bob 0']))
  expect(bankTest(blocks, true, replay).join(' ')).toContain('states: 1,')
})

test('the bugs to learn from are those of the examples', () => {
  const folder = join(import.meta.dirname, 'examples')
  const examples = ['outbox', 'counter', 'hand-made-index'].map((name) =>
    readFileSync(join(folder, `${name}.test.ts`), 'utf8').replace(/^ +/gm, ''),
  )
  const typed = blocks.filter(({ info }) => info === 'ts')
  const shown = typed.flatMap(({ lines }) => lines.join('\n').replace(/^ +/gm, '').split('\n\n'))
  expect(shown).toHaveLength(7)
  expect(shown.filter((code) => !examples.some((example) => example.includes(code)))).toEqual([])
})
