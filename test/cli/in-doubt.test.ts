/** `aries in-doubt`, and what the other verbs do where something is in doubt. */
import { writeFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { nodeRuntime } from '../../src/io/node-runtime.ts'
import { fingerprint, makeDatabase, scratchPath, TEXT } from './databases.ts'
import { runCli } from './run-cli.ts'

/** Two rows, of which a transaction in doubt changes the first, and adds a third. */
const make = (): Promise<string> =>
  makeDatabase('closed', async (database) => {
    const fruit = database.table('fruit', TEXT)
    await fruit.put('apple', 'red')
    await fruit.put('banana', 'yellow')
    const tx = database.begin()
    await tx.put(fruit, 'apple', 'green')
    await tx.put(fruit, 'cherry', 'red')
    await tx.prepare('transfer 17')
  })

describe('in-doubt', () => {
  test('lists what is in doubt, and writes nothing', async () => {
    const directory = await make()
    const before = fingerprint(directory)
    const { code, stdout, stderr } = await runCli('in-doubt', directory)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^"transfer 17": transaction \d+, prepared at LSN \d+\n$/)
    expect(JSON.parse((await runCli('in-doubt', directory, '--json')).stdout)).toEqual([
      { name: 'transfer 17', id: expect.any(Number), preparedLsn: expect.any(Number) },
    ])
    expect(fingerprint(directory)).toEqual(before)
  })

  test.each([
    ['--commit', 'committed', 'green\n'],
    ['--abort', 'rolled back', 'red\n'],
  ])('%s ends one', async (option, told, value) => {
    const directory = await make()
    expect(await runCli('in-doubt', directory, option, 'transfer 17')).toEqual({
      code: 0,
      stdout: `"transfer 17" ${told}\n`,
      stderr: '',
    })
    expect((await runCli('get', directory, 'fruit', 'apple')).stdout).toBe(value)
    expect((await runCli('in-doubt', directory)).stdout).toBe('nothing is in doubt\n')
    expect(await runCli('in-doubt', directory, option, 'transfer 17')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'aries: "transfer 17" is not in doubt; nothing is\n',
    })
  })

  test('a name that is not there, and both ends at once', async () => {
    const directory = await make()
    expect(await runCli('in-doubt', directory, '--commit', 'transfer')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'aries: "transfer" is not in doubt; in doubt: "transfer 17"\n',
    })
    expect((await runCli('in-doubt', directory, '--commit', 'a', '--abort', 'a')).code).toBe(2)
  })
})

describe('a verb that writes a row in doubt', () => {
  test.each([
    ['put', ['fruit', 'apple', 'blue']],
    ['del', ['fruit', 'apple']],
    ['import', ['rows.jsonl', '--table', 'fruit']],
  ])('%s fails at once, and says who ends it', async (verb, [first = '', ...rest]) => {
    const directory = await make()
    const file = scratchPath('rows.jsonl')
    writeFileSync(file, '{"key":"apple","value":"blue"}\n')
    const timers = vi.spyOn(nodeRuntime, 'after')
    const { code, stdout, stderr } = await runCli(verb, directory, first === 'rows.jsonl' ? file : first, ...rest)
    const waitsMs = timers.mock.calls.map(([delayMs]) => delayMs)
    timers.mockRestore()
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(
      `aries: key 'apple' of table 'fruit' is locked by what is in doubt: "transfer 17"; ` +
        `end it first with "aries in-doubt ${directory} --commit NAME" or --abort`,
    )
    // One wait for a lock, of no length, and nobody tries again.
    expect(waitsMs.filter((ms) => ms === 0)).toHaveLength(1)
    expect((await runCli('put', directory, 'fruit', 'banana', 'blue')).code).toBe(0)
  })
})
