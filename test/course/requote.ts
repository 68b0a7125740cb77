/**
 * Writes anew what the chapters of the course and docs/testing.md quote, after a change of the engine that moves LSNs or words. A line
 * that is quoted is replaced by the one printed in its place: the next that differs in numbers at most. Where there
 * is none, the block is left as it is and named, and somebody has to look.
 *
 *   npx tsx test/course/requote.ts
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { quotesOfTesting } from '../testing/testing-page.ts'
import { type Block, blocksOf, misquoted, outputOf, printedBy, type Quote, sessionOf } from './quotes.ts'

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url))

/** A line without its numbers and the room that they take. */
const shapeOf = (line: string): string => line.replace(/\d+/g, '0').replace(/ +|─+/g, ' ')

/** The quote with the lines that are printed now, and how many printed lines it has gone through; undefined when it cannot be told. */
function aligned(
  quote: readonly string[],
  printed: readonly string[],
  from: number,
): { lines: string[]; at: number } | undefined {
  const lines: string[] = []
  let at = from
  for (const line of quote) {
    if (line === '...') {
      lines.push(line)
      continue
    }
    const found = printed.findIndex((other, i) => i >= at && shapeOf(other) === shapeOf(line))
    if (found < 0) return undefined
    lines.push(printed[found] as string)
    at = found + 1
  }
  return { lines, at }
}

function quotesOfChapter(blocks: readonly Block[]): Quote[] {
  const quotes: Quote[] = []
  for (const [i, { info, lines }] of blocks.entries()) {
    const command = lines[0] as string
    if (command.startsWith('$ npx aries ')) quotes.push({ indexes: [i], printed: [command, ...printedBy(command)] })
    if (info === 'ts run') quotes.push({ indexes: [i + 1], printed: outputOf(lines) })
    if (info !== 'repl') continue
    const indexes = [i]
    for (let next = i + 1; next < blocks.length && blocks[next]?.info !== 'repl'; next++) {
      if (blocks[next]?.info === 'repl next') indexes.push(next)
    }
    quotes.push({ indexes, printed: sessionOf(indexes.flatMap((index) => blocks[index]?.lines ?? [])) })
  }
  return quotes
}

/** What each block of a page is to be that is not right, by its index; undefined where somebody has to look. */
function requoted(blocks: readonly Block[], quotesOf: typeof quotesOfChapter): Map<number, string[] | undefined> {
  const results = new Map<number, string[] | undefined>()
  for (const { indexes, printed } of quotesOf(blocks)) {
    const quotes = indexes.map((index) => blocks[index]?.lines ?? [])
    if (misquoted(quotes.flat(), printed) === undefined) continue
    let from = 0
    for (const [i, quote] of quotes.entries()) {
      const result = aligned(quote, printed, from)
      results.set(indexes[i] as number, result?.lines)
      from = result?.at ?? from
    }
  }
  return results
}

const CHAPTERS = readdirSync(`${DOCS}course`).filter((file) => file.endsWith('.md'))
for (const name of ['testing.md', ...CHAPTERS.map((file) => `course/${file}`)]) {
  const text = readFileSync(DOCS + name, 'utf8')
  const blocks = blocksOf(text)
  let rest = text
  for (const [i, lines] of requoted(blocks, name === 'testing.md' ? quotesOfTesting : quotesOfChapter)) {
    const old = blocks[i]?.lines.join('\n') as string
    if (lines === undefined) process.stdout.write(`${name}: look at the block that begins with ${old.split('\n')[0]}\n`)
    else rest = rest.replace(old, () => lines.join('\n'))
  }
  if (rest !== text) {
    writeFileSync(DOCS + name, rest)
    process.stdout.write(`${name}: written\n`)
  }
}
