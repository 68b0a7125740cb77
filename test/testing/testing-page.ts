/** The programs of docs/testing.md, run again: what they print is what the page says that they print. */
import { type Block, outputOf, type Quote } from '../course/quotes.ts'

/** In the place of `node:test`, which prints more than what a test says, and times. */
const RUNNER = [
  'export async function test(_name, run) {',
  '  await run().catch(({ message }) => console.log(message))',
  '}',
]

/** The index of the block that has a line which begins with `start`. @throws when there is none */
function indexOf(blocks: readonly Block[], start: string, from = 0): number {
  const index = blocks.findIndex(({ lines }, i) => i >= from && lines.some((line) => line.startsWith(start)))
  if (index < 0) throw new Error(`no block of docs/testing.md has a line that begins with ${start}`)
  return index
}

const linesOf = (blocks: readonly Block[], index: number): readonly string[] => blocks[index]?.lines ?? []

/** What the test of the bank says, of the bank as it is first shown or as it is mended. */
export function bankTest(blocks: readonly Block[], isMended: boolean, options = ''): string[] {
  const first = indexOf(blocks, 'export const accountsOf')
  const bank = linesOf(blocks, first)
  const isFunction = (line: string): boolean => line.startsWith('export async function transfer')
  const mended = linesOf(blocks, indexOf(blocks, 'export async function transfer', first + 1))
  const program = linesOf(blocks, indexOf(blocks, "test('a transfer survives a crash'")).map((line) =>
    line.replace("'node:test'", "'./runner.js'").replace('crashTest({', `crashTest({ ${options}`),
  )
  return outputOf(program, {
    'bank.js': isMended ? [...bank.slice(0, bank.findIndex(isFunction)), ...mended] : bank,
    'runner.js': RUNNER,
    'package.json': ['{ "type": "module" }'],
  })
}

/** How to run what a failure is about alone, as the last line of its message has it. */
export function replayIn(printed: readonly string[]): string {
  const replay = /replay: '.*'/.exec(printed.at(-1) ?? '')
  if (replay === null) throw new Error(`no replay in ${printed.join('\n')}`)
  return `${replay[0]}, `
}

/** What the page quotes. */
export function quotesOfTesting(blocks: readonly Block[]): Quote[] {
  const indented = bankTest(blocks, false).map((line) => (line === '' ? '' : `    ${line}`))
  const property = indexOf(blocks, "import * as fc from 'fast-check'")
  const checked = linesOf(blocks, property).map((line) =>
    line.startsWith('await fc.assert') ? `${line}.catch((error) => console.log(String(error)))` : line,
  )
  const disk = indexOf(blocks, 'import { SimulatedFileSystem }')
  return [
    { indexes: [indexOf(blocks, '    the invariant does not hold')], printed: indented },
    { indexes: [indexOf(blocks, '  crashPoints: ')], printed: bankTest(blocks, true) },
    { indexes: [property + 1], printed: outputOf(checked) },
    { indexes: [disk + 1], printed: outputOf(linesOf(blocks, disk)) },
  ]
}
