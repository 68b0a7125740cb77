/** `get`, `put`, `del`, `scan`, `export` and `import`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { CliError } from '../../src/cli/errors.ts'
import { decodeRow, rowEncodingOf } from '../../src/cli/rows/encoding.ts'
import { buffer, json, number, open } from '../../src/index.ts'
import type { ShownRecord } from '../../src/inspect/record-text.ts'
import { fingerprint, flipByte, linesOf, makeDatabase, scratchPath, TEXT } from './databases.ts'
import { type Outcome, outcomeOf, runCli, startCli } from './run-cli.ts'

const FRUIT = [
  ['apple', 'red'],
  ['banana', 'yellow'],
  ['bilberry', 'blue'],
  ['cherry', 'red'],
] as const

const make = (end: 'closed' | 'killed' = 'closed'): Promise<string> =>
  makeDatabase(end, async (database) => {
    await database.transaction(async (tx) => {
      for (const [key, value] of FRUIT) await tx.put(database.table('fruit', TEXT), key, value)
    })
    await database.begin().put(database.table('fruit', TEXT), 'apple', 'unfinished')
  })

const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runCli(...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

describe('reading', () => {
  test('get and scan recover in memory and write nothing', async () => {
    const directory = await make('killed')
    const before = fingerprint(directory)
    expect(await out('get', directory, 'fruit', 'apple')).toBe('red\n')
    expect(await out('scan', directory, 'fruit')).toBe(FRUIT.map(([key, value]) => `${key}\t${value}\n`).join(''))
    expect(linesOf(await out('export', directory))).toEqual(
      FRUIT.map(([key, value]) => ({ table: 'fruit', key, value })),
    )
    expect(fingerprint(directory)).toEqual(before)
  })

  test('a key or a table that is not there ends with 1', async () => {
    const directory = await make()
    expect(await runCli('get', directory, 'fruit', 'kiwi')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'aries: there is no key "kiwi" in table "fruit"\n',
    })
    const { code, stderr } = await runCli('scan', directory, 'fruits')
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'aries: there is no table "fruits"; there are "fruit"\n' })
  })

  test('ranges', async () => {
    const directory = await make()
    const keys = async (...flags: string[]): Promise<string[]> =>
      (await out('scan', directory, 'fruit', ...flags)).split('\n').flatMap((line) => line.split('\t')[0] || [])
    expect(await keys('--prefix', 'b')).toEqual(['banana', 'bilberry'])
    expect(await keys('--from', 'banana', '--to', 'cherry')).toEqual(['banana', 'bilberry'])
    expect(await keys('--reverse', '--limit', '2')).toEqual(['cherry', 'bilberry'])
    expect(await keys('--prefix', 'b', '--reverse')).toEqual(['bilberry', 'banana'])
    expect(await keys('--keys', 'hex', '--prefix', '62')).toEqual(['62616e616e61', '62696c6265727279'])
    expect(await keys('--keys', 'hex', '--prefix', 'ff')).toEqual([])
    await out('put', directory, 'fruit', 'ff01', '00', '61ff', '00', '--keys', 'hex', '--values', 'hex')
    const hex = ['--keys', 'hex', '--values', 'hex']
    expect(await keys(...hex, '--prefix', 'ff')).toEqual(['ff01'])
    expect(await keys(...hex, '--prefix', '61ff')).toEqual(['61ff'])
  })

  test('a database in doubt about a row shows it as it was', async () => {
    const directory = await makeDatabase('closed', async (database) => {
      const fruit = database.table('fruit', TEXT)
      await fruit.put('apple', 'red')
      const tx = database.begin()
      await tx.put(fruit, 'apple', 'green')
      await tx.prepare('transfer')
    })
    expect(await out('get', directory, 'fruit', 'apple')).toBe('red\n')
  })
})

describe('encodings', () => {
  test('are those of the codecs, both ways', async () => {
    const directory = scratchPath('new')
    await out('put', directory, 'users', 'ann', '{"age": 30}', '--values', 'json', '--create')
    await out('put', directory, 'blobs', '00ff', 'c0', '--keys', 'hex', '--values', 'hex')
    await out('put', directory, 'names', '17', 'Änne')
    {
      await using database = await open(directory)
      expect(await database.table('users', { key: TEXT.key, value: json() }).get('ann')).toEqual({ age: 30 })
      expect(await database.table('blobs', { key: buffer, value: buffer }).get(Uint8Array.of(0, 255))).toEqual(
        Uint8Array.of(0xc0),
      )
      expect(await database.table('names', TEXT).get('17')).toBe('Änne')
    }
    expect(await out('get', directory, 'users', 'ann', '--values', 'json')).toBe('{"age":30}\n')
    expect(JSON.parse(await out('get', directory, 'users', 'ann', '--values', 'json', '--json'))).toEqual({
      key: 'ann',
      value: { age: 30 },
    })
    expect(await out('get', directory, 'blobs', '00ff', '--keys', 'hex', '--values', 'hex')).toBe('c0\n')
  })

  test('numbers are in their order, and infinite ones text in JSON', async () => {
    const directory = scratchPath('numbers')
    const numbers = ['--keys', 'number', '--values', 'number']
    await out('put', directory, 'n', '10', '1.5', '9', 'Infinity', '--create', ...numbers)
    await out('put', directory, 'n', ...numbers, '--', '-2', '0')
    expect(await out('scan', directory, 'n', ...numbers)).toBe('-2\t0\n9\tInfinity\n10\t1.5\n')
    const exported = await out('export', directory, ...numbers)
    expect(exported).toContain('{"table":"n","key":9,"value":"Infinity"}\n{"table":"n","key":10,"value":1.5}\n')
    {
      await using database = await open(directory)
      expect(await database.table('n', { key: number, value: number }).get(9)).toBe(Number.POSITIVE_INFINITY)
    }
  })

  test.each([
    [
      ['put', 'fruit', 'k', '{a}', '--values', 'json'],
      '"{a}" is not JSON; put strings in quotes, or use --values utf8',
      2,
    ],
    [['put', 'fruit', 'abc', 'x', '--keys', 'hex'], '"abc" is not hexadecimal', 2],
    [['put', 'fruit', 'abc', 'x', '--keys', 'number'], '"abc" is not a number', 2],
    [['scan', 'fruit', '--keys', 'number'], 'is not a number; use --keys utf8', 3],
    [['put', 'fruit', '\ufffd', 'x'], 'has bytes that are not UTF-8, or U+FFFD; use --keys hex', 2],
    [['put', 'fruit', 'k', '"\ufffd"', '--values', 'json'], 'U+FFFD; use --values hex', 2],
    [['scan', 'fruit', '--from', 'a\ufffd'], 'U+FFFD; use --keys hex', 2],
    [['put', 'fruit', 'a', 'b', 'c'], 'the key "c" has no value', 2],
    [['scan', 'fruit', '--values', 'json'], "'red' is not JSON; use --values utf8 or --values hex", 3],
    [['scan', 'fruit', '--keys', 'latin1'], 'Allowed choices are utf8, json, number, hex', 2],
  ])('what does not fit is named: %j', async ([verb, ...args], message, expected) => {
    const { code, stderr } = await runCli(verb as string, await make(), ...args)
    expect(stderr).toContain(message)
    expect(code).toBe(expected)
  })

  test('a value that no text can hold is refused with its key', () => {
    const { key, value } = rowEncodingOf({ keys: 'hex', values: 'hex' })
    const row = [Uint8Array.of(0x6b), new Uint8Array(2 ** 28)] as const
    expect(() => decodeRow('blobs', row, key.toText, value.toText)).toThrow(
      new CliError(
        `table "blobs", the value of key 'k': it has 268435456 bytes, and no more than 267386880 can be written as text`,
      ),
    )
  })

  test('a value of many megabytes is imported from the hexadecimal that export wrote', async () => {
    const directory = await make()
    const file = scratchPath('long.jsonl')
    const value = 'ab'.repeat(6 << 20)
    writeFileSync(file, `${JSON.stringify({ table: 'blobs', key: '6b', value })}\n`)
    expect(await out('import', directory, file, '--keys', 'hex', '--values', 'hex')).toBe('1 row imported\n')
    expect((await out('get', directory, 'blobs', 'k', '--values', 'hex')) === `${value}\n`).toBe(true)
  })

  test('bytes that are no text are refused, and hexadecimal shows them', async () => {
    const directory = await make()
    await out('put', directory, 'fruit', '6b', 'ff00', '--keys', 'hex', '--values', 'hex')
    const { code, stderr } = await runCli('get', directory, 'fruit', 'k')
    expect({ code, stderr }).toEqual({ code: 3, stderr: 'aries: 0xff00 is not UTF-8 text; use --values hex\n' })
    expect(await out('get', directory, 'fruit', 'k', '--values', 'hex')).toBe('ff00\n')
  })
})

describe('control characters', () => {
  const KEY = 'a\tb\n'
  const VALUE = '\u001b[2J\u007f\u009bC:\\r'

  test('part no rows and columns of a scan', async () => {
    const directory = await make()
    await out('put', directory, 'odd', KEY, VALUE, 'b', 'B')
    expect(await out('scan', directory, 'odd')).toBe('a\\tb\\n\t\\x1b[2J\\x7f\\x9bC:\\r\nb\tB\n')
    expect(linesOf(await out('scan', directory, 'odd', '--json'))[0]).toEqual({ key: KEY, value: VALUE })
  })

  test('get gives them to a pipe, but not to a terminal', async () => {
    const directory = await make()
    await out('put', directory, 'odd', KEY, VALUE)
    expect(await out('get', directory, 'odd', KEY)).toBe(`${VALUE}\n`)
    const isTTY = process.stdout.isTTY
    process.stdout.isTTY = true
    try {
      expect(await out('get', directory, 'odd', KEY)).toBe('\\x1b[2J\\x7f\\x9bC:\\r\n')
    } finally {
      process.stdout.isTTY = isTTY
    }
  })
})

describe('writing', () => {
  test('put and del', async () => {
    const directory = await make('killed')
    expect(await out('put', directory, 'fruit', 'apple', 'green', 'date', 'brown')).toBe('2 rows put\n')
    expect(await runCli('del', directory, 'fruit', 'banana', 'kiwi')).toEqual({
      code: 1,
      stdout: '1 row deleted, 1 key not there\n',
      stderr: '',
    })
    expect(await out('scan', directory, 'fruit')).toBe('apple\tgreen\nbilberry\tblue\ncherry\tred\ndate\tbrown\n')
    expect((await runCli('info', directory, '--json')).stdout).toContain('"wasClosedCleanly": true')
  })

  test('no database is made unless that is asked for', async () => {
    const directory = scratchPath('missing')
    const { code, stderr } = await runCli('put', directory, 'fruit', 'apple', 'red')
    expect(code).toBe(3)
    expect(stderr).toBe(
      `aries: there is no database in ${directory}; give the directory that was passed to open(), or --create to make one\n`,
    )
    expect((await runCli('del', directory, 'fruit', 'apple')).stderr).not.toContain('--create')
    expect(existsSync(directory)).toBe(false)
  })
})

describe('export and import', () => {
  test('bring all tables over, whatever bytes they hold', async () => {
    const directory = await make()
    await out('put', directory, 'blobs', '00ff', 'c0', '00', '', '--keys', 'hex', '--values', 'hex')
    const file = scratchPath('data.jsonl')
    const hex = ['--keys', 'hex', '--values', 'hex']
    const { stderr } = await runCli('export', directory, '--output', file, ...hex)
    expect(stderr).toBe(`aries: 6 rows written to ${file}\n`)
    const copy = scratchPath('copy')
    expect(await out('import', copy, file, '--create', '--batch', '4', ...hex)).toBe('6 rows imported\n')
    expect(await out('export', copy, ...hex)).toBe(readFileSync(file, 'utf8'))
    expect((await runCli('export', directory, '--output', file)).code).toBe(3)
  })

  test('a row that is no text is named, and the file is not left half written', async () => {
    const directory = await make()
    const file = scratchPath('data.jsonl')
    await out('put', directory, 'fruit', '63', 'ff', '--keys', 'hex', '--values', 'hex')
    const exporting = (...args: string[]): Promise<Outcome> => runCli('export', directory, '--output', file, ...args)
    expect(await exporting()).toEqual({
      code: 3,
      stdout: '',
      stderr: `aries: table "fruit", the value of key 'c': 0xff is not UTF-8 text; use --values hex\n`,
    })
    expect(existsSync(file)).toBe(false)
    await out('put', directory, 'fruit', 'ff', '00', '--keys', 'hex', '--values', 'hex')
    expect((await exporting('--values', 'hex')).stderr).toBe(
      'aries: table "fruit", a key: 0xff is not UTF-8 text; use --keys hex\n',
    )
    expect((await exporting('--keys', 'hex', '--values', 'hex')).code).toBe(0)
    expect(linesOf(readFileSync(file, 'utf8'))).toHaveLength(6)
  })

  test('Ctrl-C removes the file that is being written', async () => {
    const directory = await makeDatabase('closed', (database) => {
      const table = database.table('rows', TEXT)
      return database.transaction(async (tx) => {
        for (let i = 0; i < 1_000; i++) await tx.put(table, `${i}`, 'x')
      })
    })
    const file = scratchPath('data.jsonl')
    // The signal arrives when the file is there and its rows are not all written.
    const opened = vi.spyOn(JSON, 'stringify').mockImplementationOnce(() => {
      expect(existsSync(file)).toBe(true)
      process.emit('SIGINT')
      return '{}'
    })
    const { code, stderr } = await runCli('export', directory, '--output', file)
    opened.mockRestore()
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'aries: interrupted\n' })
    expect(existsSync(file)).toBe(false)
  })

  test('a wrong line is named, and what was committed before it stays', async () => {
    const directory = await make()
    const file = scratchPath('rows.jsonl')
    const importing = async (...lines: string[]): Promise<string> => {
      writeFileSync(file, `${lines.join('\n')}\n`)
      const { code, stderr } = await runCli('import', directory, file, '--batch', '1', '--table', 'new')
      expect(code).toBe(3)
      return stderr
    }
    expect(await importing('{"key":"a","value":"A"}', '', '{"key":"b"}')).toBe(
      'aries: line 3: it has no "value"; 1 row imported before that, and stays\n',
    )
    expect(await out('scan', directory, 'new')).toBe('a\tA\n')
    expect(await importing('{"key":')).toMatch(/^aries: line 1: it is not JSON: .*; nothing was imported\n$/)
    expect(await importing('[1]')).toContain('it has no "key"')
    expect(await importing('null')).toContain('it is not {"key":...,"value":...}')
    expect(await importing('{"key":1,"value":"A"}')).toContain('1 is no string; use --keys json')
    expect(await importing('{"table":7,"key":"a","value":"A"}')).toContain('it names no "table"')
  })

  test('long rows are committed before so many are read that they fill the memory', async () => {
    const directory = await make()
    const file = scratchPath('long-rows.jsonl')
    const lines = Array.from({ length: 5 }, (_, i) => JSON.stringify({ key: `${i}`, value: 'x'.repeat(6 << 20) }))
    writeFileSync(file, `${lines.join('\n')}\nwrong\n`)
    const { stderr } = await runCli('import', directory, file, '--table', 'new')
    expect(stderr).toMatch(/^aries: line 6: it is not JSON: .*; 3 rows imported before that, and stay\n$/)
  })

  test('a file that is not there makes no database', async () => {
    const directory = scratchPath('new')
    const { code, stderr } = await runCli('import', directory, scratchPath('missing.jsonl'), '--create')
    expect(code).toBe(3)
    expect(stderr).toContain('ENOENT')
    expect(existsSync(directory)).toBe(false)
  })

  test('Ctrl-C keeps what was committed, says how much, and closes the database', async () => {
    const directory = await make()
    const child = startCli(['import', directory, '--batch', '10', '--table', 'new'], {}, 'pipe')
    const lines = Array.from({ length: 25 }, (_, i) => JSON.stringify({ key: `${i}`, value: 'x' }))
    child.stdin?.write(`${lines.join('\n')}\n`)
    const outcome = outcomeOf(child)
    const hasCommitted = async (firstKey: string): Promise<boolean> => {
      const records = linesOf<ShownRecord>(await out('log', directory, '--in-use', '--json'))
      const insert = records.find(({ description }) => description.endsWith(`key '${firstKey}'`))
      return records.some(({ type, txn }) => type === 'commit' && txn === insert?.txn)
    }
    // The second transaction has one record for all its rows, which names the first.
    await vi.waitFor(async () => expect(await hasCommitted('10')).toBe(true), { timeout: 20_000 })
    child.kill('SIGINT')
    expect(await outcome).toEqual({
      code: 130,
      stdout: '',
      stderr: 'aries: interrupted; 20 rows imported before that, and stay\n',
    })
    expect(JSON.parse(await out('info', directory, '--json'))).toMatchObject({
      wasClosedCleanly: true,
      tables: [
        { name: 'fruit', rows: 4 },
        { name: 'new', rows: 20 },
      ],
    })
  })

  test('of a damaged table what can be read is written, and the exit code is 1', async () => {
    const directory = await makeDatabase(
      'closed',
      async (database) => {
        await database.table('a', TEXT).put('k', 'v')
        await database.table('b', TEXT).put('k', 'v')
      },
      { pageSize: 4096 },
    )
    flipByte(join(directory, 'data'), 3 * 4096 + 100)
    const { code, stdout, stderr } = await runCli('export', directory)
    expect(code).toBe(1)
    expect(linesOf(stdout)).toEqual([{ table: 'b', key: 'k', value: 'v' }])
    expect(stderr).toMatch(/^aries: table a: no row can be read: PAGE_CORRUPT: page 3/)
  })

  test('around a damaged page all else is written, and between which rows others are missing is said', async () => {
    const directory = await makeDatabase(
      'closed',
      async (database) => {
        for (let i = 100; i < 400; i++) await database.table('a', TEXT).put(`k${i}`, 'v'.repeat(50))
      },
      { pageSize: 4096 },
    )
    flipByte(join(directory, 'data'), 5 * 4096 + 100)
    const { code, stdout, stderr } = await runCli('export', directory)
    expect(code).toBe(1)
    const [, from = '', to = ''] =
      /^aries: table a: no row between "k(\d+)" and "k(\d+)" can be read: /.exec(stderr) ?? []
    expect(stderr).toContain('PAGE_CORRUPT: page 5 of data fails its checksum')
    const keys = linesOf<{ key: string }>(stdout).map(({ key }) => Number(key.slice(1)))
    expect(keys.length).toBeGreaterThan(200)
    expect(keys.indexOf(Number(to))).toBe(keys.indexOf(Number(from)) + 1)
    expect(Number(to) - Number(from) - 1 + keys.length).toBe(300)
  })
})
