/** The addresses that pages and source files have on the documentation site. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lineOf, pageOf, ROOT, siteLink } from '../docs/site/links.ts'

test.each([
  ['index.md', 'index'],
  ['README.md', 'guide/index'],
  ['cli.md', 'guide/cli'],
  ['course/README.md', 'course/index'],
  ['course/labs/README.md', 'course/labs/index'],
  ['generated/root/start.md', 'guide/start'],
  ['generated/api/index.md', 'api/index'],
  ['generated/source/src/index.ts.md', 'source/src/index.ts'],
])('%s is shown as %s', (pathInDocs, page) => {
  expect(pageOf(pathInDocs)).toBe(page)
})

describe('links', () => {
  test.each([
    ['cli.md', 'course/README.md', '/course/'],
    ['cli.md', 'log-format.md#lsn', '/guide/log-format#lsn'],
    ['course/06-analysis.md', '../invariants.md', '/guide/invariants'],
    ['course/06-analysis.md', '../../README.md', '/guide/start'],
    ['course/06-analysis.md', '../../src/recovery/restart.ts', '/source/src/recovery/restart.ts.html'],
    ['cli.md', '../test/scenarios/', '/source/test/scenarios.html'],
    ['generated/root/start.md', 'docs/cli.md', '/guide/cli'],
    ['generated/root/start.md', 'src/index.ts', '/source/src/index.ts.html'],
    ['cli.md', '#log', '#log'],
    ['cli.md', 'https://example.org/a.md', 'https://example.org/a.md'],
  ])('in %s, %s leads to %s', (pathInDocs, link, address) => {
    expect(siteLink(link, { pathInDocs, text: 'some words' })).toBe(address)
  })

  test('one whose text is a name in the source leads to the line that declares it', () => {
    const link = '../../src/recovery/undo.ts'
    const page = { pathInDocs: 'course/08-undo.md', text: 'Rollback.undoLosers' }
    const line = Number(siteLink(link, page).match(/^\/source\/src\/recovery\/undo\.ts\.html#L(\d+)$/)?.[1])
    const text = readFileSync(`${ROOT}/src/recovery/undo.ts`, 'utf8').split('\n')[line - 1]
    expect(text).toMatch(/^ {2}undoLosers\(/)
  })

  test.each([
    ['src/recovery/restart.ts', 'restart', /^export (async )?function restart\(/],
    ['src/recovery/transaction-table.ts', 'TransactionTable', /^export class TransactionTable/],
    ['src/log/log-record.ts', 'CLR', /^\s+CLR: /],
    ['src/buffer/page-flusher.ts', '#writeInPlace', /^ {2}#writeInPlace\(/],
  ])('%s declares %s', (path, name, declaration) => {
    const line = lineOf(path, name) as number
    expect(readFileSync(`${ROOT}/${path}`, 'utf8').split('\n')[line - 1]).toMatch(declaration)
  })

  test('a name that is not there has no line', () => {
    expect(lineOf('src/index.ts', 'nobodyWouldCallItThat')).toBeUndefined()
    expect(lineOf('src', 'open')).toBeUndefined()
  })
})
