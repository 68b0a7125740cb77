/** Help, usage errors and exit codes. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { runCli, runCliInto } from './run-cli.ts'

let scratch = ''
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'aries-cli-'))
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const VERBS = [
  'crash',
  'check',
  'del',
  'demo',
  'explain',
  'export',
  'get',
  'import',
  'in-doubt',
  'info',
  'log',
  'page',
  'put',
  'recover',
  'scan',
  'stats',
]

describe('help', () => {
  test('--help lists the verbs, examples and exit codes, but not the inner verb', async () => {
    const { code, stdout, stderr } = await runCli('--help')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const part of [...VERBS, 'Examples:', 'Exit codes:', '130']) expect(stdout).toContain(part)
    expect(stdout).not.toContain('demo-worker')
  })

  test.each(VERBS)('%s --help has examples', async (verb) => {
    const { code, stdout } = await runCli(verb, '--help')
    expect(code).toBe(0)
    expect(stdout).toContain(`$ aries ${verb}`)
    if (verb !== 'export') expect(stdout).toContain('--json')
  })

  test.each([
    [['repl'], '$ aries repl'],
    [['scenario', 'run'], '$ aries scenario run'],
  ])('%j --help has examples', async (verb, example) => {
    const { code, stdout } = await runCli(...verb, '--help')
    expect(code).toBe(0)
    expect(stdout).toContain(example)
  })

  test('--version is that of the package', async () => {
    expect(await runCli('--version')).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })
})

describe('wrong usage ends with 2 and says what is wrong', () => {
  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['check'], "missing required argument 'directory'"],
    [['demo', '--kills', 'many'], 'whole number from 1 to 1,000'],
    [['demo', '--kills', '0'], 'whole number from 1 to 1,000'],
    [['log', '.', '--txn', 'none'], 'whole number of at least 1'],
    [['log', '.', '--type', 'clr,undo'], '"undo" is not one of begin, update'],
    [['log', '.', '--chain', '8', '--from', '9'], 'cannot be used with'],
    [['demo', '--frob'], "unknown option '--frob'"],
    [['demo', '--cities', 'no-such-file.json'], 'no-such-file.json cannot be used'],
  ])('aries %j', async (args, message) => {
    const { code, stdout, stderr } = await runCli(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test('cities of another form name the entry', async () => {
    const file = join(scratch, 'cities.json')
    writeFileSync(file, JSON.stringify([{ name: 'A', country: 'B', lat: '1', lng: '2' }, { name: 'C' }]))
    const { code, stderr } = await runCli('demo', '--cities', file)
    expect(code).toBe(2)
    expect(stderr).toContain('entry 1 lacks name, country, lat or lng')
  })

  test('the demo does not write where something is', async () => {
    writeFileSync(join(scratch, 'precious'), 'text')
    const { code, stderr } = await runCli('demo', '--directory', scratch)
    expect(code).toBe(2)
    expect(stderr).toContain('is not empty')
  })
})

describe('what cannot be carried out ends with 3', () => {
  test.each(['check', 'info', 'log'])('%s of a missing directory', async (verb) => {
    const { code, stdout, stderr } = await runCli(verb, join(scratch, 'missing'))
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^aries: there is no database in .*missing/)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('output that cannot be written', () => {
    const file = join(scratch, 'output')
    writeFileSync(file, '')
    const fd = openSync(file, 'r')
    const { code, stderr } = runCliInto(fd, 'lab', 'list')
    closeSync(fd)
    expect(stderr).toMatch(/^aries: the output could not be written: E[A-Z]+: .*\n$/)
    expect(code).toBe(3)
  })

  test('check of a directory without a database', async () => {
    const { code, stderr } = await runCli('check', scratch)
    expect(code).toBe(3)
    expect(stderr).toContain('there is no database in')
  })

  test('check of a file', async () => {
    const file = join(scratch, 'file')
    writeFileSync(file, '')
    const { code, stderr } = await runCli('check', file)
    expect(code).toBe(3)
    expect(stderr).toContain('is a file; a database is a directory')
  })
})
