/**
 * The documentation says what is so: its links and file names resolve, its codes and numbers are the
 * source's, and the bytes of its worked examples are those the engine writes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { MemoryFileSystem, open, utf8 } from '../src/index.ts'
import { nodeRuntime } from '../src/io/node-runtime.ts'
import { FORMAT_VERSION } from '../src/log/identity.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)

const PAGES = ['README.md', 'CHANGELOG.md', ...pagesIn('docs'), ...pagesIn('docs/course')]
const ALL_TEXT = PAGES.map(read).join('\n')

/** What `pattern`'s first group matches, each once. */
function matchesOf(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] as string))]
}

/** The anchors that a page's headings make, as GitHub forms them. */
function anchorsOf(path: string): string[] {
  const headings = matchesOf(read(path), /^#+ (.+)$/gm)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  )
}

describe.each(PAGES)('%s', (page) => {
  const text = read(page)

  test('has no dead relative link', () => {
    const links = matchesOf(text, /\]\((?!https?:)([^)]+)\)/g)
    const dead = links.filter((link) => {
      const [file, anchor] = link.split('#') as [string, string | undefined]
      const target = file === '' ? page : join(dirname(page), file)
      return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(dead).toEqual([])
  })

  test('names only files that exist', () => {
    const names = matchesOf(text, /`((?:src|test|property-tests|docs|bench|\.ci)\/[\w./-]*)`/g)
    expect(names.filter((name) => !existsSync(join(ROOT, name)))).toEqual([])
  })
})

test('every error code has its row in the README', () => {
  const union = read('src/common/errors.ts').match(/export type ErrorCode =([\s\S]*?)\n\n/)?.[1] ?? ''
  const codes = matchesOf(union, /\| '([A-Z_]+)'/g)
  expect(codes.length).toBeGreaterThan(20)
  const rows = matchesOf(read('README.md'), /^\| `([A-Z_]+)` \| (?:yes|no) \|/gm)
  expect(rows.sort()).toEqual(codes.sort())
})

test('the format version in the documentation is the one in the source', () => {
  expect(read('docs/file-format.md')).toContain(`Format version: **${FORMAT_VERSION}**`)
  expect(read('CHANGELOG.md')).toContain(`File format version ${FORMAT_VERSION}.`)
})

test('every invariant that the source cites is listed, and none is listed twice', () => {
  const listed = [...read('docs/invariants.md').matchAll(/^\| (I\d+) \|/gm)].map((match) => match[1] as string)
  expect(listed).toEqual(Array.from({ length: 40 }, (_, i) => `I${i + 1}`))
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const cited = matchesOf(sources.map((name) => read(`src/${name}`)).join('\n'), /\b(I[1-9]\d?)\b/g)
  expect(cited.length).toBeGreaterThan(20)
  expect(cited.filter((number) => !listed.includes(number))).toEqual([])
})

test('every invariant is cited by a module that the list says keeps it', () => {
  const rows = [...read('docs/invariants.md').matchAll(/^\| (I\d+) \|[^|]*\|([^|]*)\|/gm)]
  expect(rows.length).toBeGreaterThan(20)
  const uncited = rows.filter(([, number, keptBy]) => {
    const keepers = matchesOf(keptBy as string, /`(src\/[\w./-]+\.ts)`/g)
    return !keepers.some((path) => new RegExp(`\\b${number}\\b`).test(read(path)))
  })
  expect(uncited.map(([, number]) => number)).toEqual([])
})

test('the README has the two set-up commands, and the CI script runs the one for tests', () => {
  const commands = matchesOf(read('README.md'), /```sh\n([\s\S]*?)\n```/g)
  expect(commands).toEqual(['npm ci && npm run demo', 'npm ci && npm test'])
  expect(read('.ci/run')).toContain('npm ci && npm test')
})

test('every kind of event has its row in the page on tracing', () => {
  const kindsIn = (text: string, group: RegExp, quoted: RegExp): string[] =>
    [...new Set(matchesOf(text, group).flatMap((names) => matchesOf(names, quoted)))].sort()
  const declared = kindsIn(read('src/common/trace.ts'), /kind: ((?:'[a-z-]+'(?: \| )?)+)/g, /'([a-z-]+)'/g)
  const listed = kindsIn(read('docs/tracing.md'), /^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm, /`([a-z-]+)`/g)
  expect(declared.length).toBeGreaterThan(20)
  expect(listed).toEqual(declared)
})

test('the coordinator that is shown is the one that is killed at every step', () => {
  const source = read('property-tests/two-phase-commit/coordinator.ts')
  const [, shown] = source.match(/\/\/ shown from here\n([\s\S]*?)\/\/ shown up to here/) as [string, string]
  expect(read('docs/two-phase-commit.md')).toContain(`\`\`\`ts\n${shown}\`\`\``)
})

test('every npm script that the documentation names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = matchesOf(ALL_TEXT, /npm run ([\w:]+)/g)
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
})

describe('worked examples', () => {
  const disk = new MemoryFileSystem()

  /** The database that docs/file-format.md describes. */
  beforeAll(async () => {
    let drawn = 0
    const random = (): number => (drawn++ % 16) / 16
    const runtime = { ...nodeRuntime, random }
    const options = {
      createIfMissing: true,
      pageSize: 4096,
      segmentBytes: 262_144,
      flushIntervalMs: 3_600_000,
      runtime,
    }
    const db = await open(disk, options)
    const fruit = db.table('fruit', { key: utf8, value: utf8 })
    await db.transaction((tx) => tx.createTable(fruit))
    await db.transaction(async (tx) => {
      await tx.put(fruit, 'apple', 'red')
      await tx.put(fruit, 'banana', 'yellow')
    })
    await db.close()
  })

  /** The line of a dump for the bytes of a file at `offset`. */
  function lineAt(fileName: string, offset: number, count: number): string {
    const bytes = new Uint8Array(count)
    const file = disk.open(fileName, 'read')
    file.readAt(bytes, 0, count, offset)
    file.close()
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    return `${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`
  }

  test.each(['docs/file-format.md', 'docs/log-format.md', 'docs/course/04-log-records.md'])(
    '%s shows the bytes that are on disk',
    (page) => {
      const shown: string[] = []
      const real: string[] = []
      for (const [, fileName, block] of read(page).matchAll(/```hex (\S+)\n([\s\S]*?)```/g)) {
        for (const line of (block as string).trimEnd().split('\n')) {
          const [offset, hex] = line.split('  ') as [string, string]
          shown.push(line)
          real.push(lineAt(fileName as string, Number.parseInt(offset, 16), hex.trim().split(' ').length))
        }
      }
      expect(shown.length).toBeGreaterThan(3)
      expect(shown).toEqual(real)
    },
  )
})
