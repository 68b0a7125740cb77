/** `aries repl`: the commands, and the shell around them. */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DirtyPageTable } from '../../src/buffer/dirty-page-table.ts'
import { COMMANDS, completionsOf, runLine } from '../../src/cli/repl/commands.ts'
import { Session } from '../../src/cli/repl/session.ts'
import { nextTurn } from '../../src/cli/turns.ts'
import { asLsn, asPageId } from '../../src/common/ids.ts'
import { open } from '../../src/index.ts'
import { makeDatabase, scratchPath, TEXT } from './databases.ts'
import { outcomeOf, startCli } from './run-cli.ts'

/** A shell in memory, and what it prints late. */
async function openShell(
  directory?: string,
): Promise<{ session: Session; late: string[]; run: (line: string) => Promise<string> }> {
  const late: string[] = []
  const session = new Session(directory, true, (line) => late.push(line))
  await session.open()
  return { session, late, run: async (line) => (await runLine(session, line)).join('\n') }
}

async function runScript(
  script: string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startCli(['repl', ...args], {}, 'pipe')
  child.stdin?.end(script)
  return outcomeOf(child)
}

describe('transactions', () => {
  test('without one each command is its own; values are the rest of the line', async () => {
    const { run } = await openShell()
    expect(await run('put apple red  and green')).toBe('done')
    expect(await run('get apple')).toBe('red  and green')
    expect(await run('put a a')).toBe('done')
    expect(await run('scan')).toBe('a  a\napple  red  and green')
    expect(await run('scan ap')).toBe('apple  red  and green')
    expect(await run('del apple')).toBe('done')
    expect(await run('del apple')).toBe('(it was not there)')
    expect(await run('get apple')).toBe('(nothing)')
    expect(await run('table other')).toBe('now table other')
    expect(await run('scan')).toBe('(nothing)')
  })

  test('words with spaces are put in quotes; a value is as it was typed', async () => {
    const { run } = await openShell()
    await run('put "a b" c')
    await run(`put 'say "a"' "b"`)
    await run(`put "open it's  so`)
    expect(await run('scan')).toBe(`"open  it's  so\na b  c\nsay "a"  "b"`)
    expect(await run('get "a b"')).toBe('c')
    expect(await run('del "a b"')).toBe('done')
    expect(await run(`scan 'say "a"'`)).toBe(`say "a"  "b"`)
  })

  test('control characters reach no terminal', async () => {
    const { run } = await openShell()
    await run('put a \u001b[2J')
    expect(await run('get a')).toBe('\\x1b[2J')
    expect(await run('scan')).toBe('a  \\x1b[2J')
  })

  test('begin, savepoint, rollback, commit, abort', async () => {
    const { run, session } = await openShell()
    await run('begin')
    await run('put apple red')
    await run('savepoint s')
    await run('put banana yellow')
    expect(await run('rollback s')).toBe('back at s')
    expect(await run('rollback t')).toBe('error: there is no savepoint t')
    expect(await run('commit')).toBe('T1 committed')
    expect(session.current).toBeUndefined()
    await run('begin')
    await run('put apple green')
    expect(await run('abort')).toBe('T2 rolled back')
    expect(await run('scan')).toBe('apple  red')
    expect(await run('commit')).toBe('error: no transaction is open; "begin" opens one')
  })

  test('one that waits does not hold up the shell, and tells when it is done', async () => {
    const { run, late } = await openShell()
    await run('put apple red')
    await run('begin A')
    await run('put apple green')
    await run('begin B')
    expect(await run('get apple')).toMatch(/^waits for S on 'apple' of data, for transaction \d+$/)
    expect(await run('show locks')).toMatch(/'apple' +\d+ X +\d+ S for \d+/)
    expect(late).toEqual([])
    expect(await run('commit A')).toBe('A committed')
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(late).toEqual(['B get apple: green'])
  })

  test('a deadlock ends one of them', async () => {
    const { run, late, session } = await openShell()
    await run('put a 1')
    await run('put b 1')
    await run('begin A')
    await run('put a 2')
    await run('begin B')
    await run('put b 2')
    await run('put a 3')
    await run('use A')
    const answer = await run('put b 3')
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect([answer, ...late].join('\n')).toMatch(/TX_DEADLOCK/)
    expect(session.transactions.size).toBe(1)
  })

  test('what waits for somebody in doubt does not hold up the shell either', async () => {
    const { run, late } = await openShell()
    await run('begin')
    await run('put apple red')
    expect(await run('prepare transfer')).toBe('T1 is prepared as "transfer"')
    expect(await run('put apple green')).toMatch(/^waits for IX on table data/)
    expect(await run('abort transfer')).toBe('"transfer", which was in doubt: rolled back')
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(late).toEqual([' put apple: done'])
  })
})

describe('crash and recover', () => {
  test('a power cut takes what was not synced, a kill does not', async () => {
    const { run, late } = await openShell()
    await run('begin W')
    await run('put apple red')
    await run('commit')
    await run('begin L')
    await run('put kiwi green')
    expect(await run('show log 1')).toMatch(/^ +LSN .*\n\* +\d+ +update .*'kiwi'\n\* is only in memory/)
    expect(await run('crash')).toBe('crashed; "recover" brings it up again')
    expect(await run('get apple')).toContain('the database has crashed')
    expect(await run('recover')).toMatch(/undo +0 losers/)
    expect(await run('scan')).toBe('apple  red')
    await run('begin L')
    await run('put kiwi green')
    await run('flush')
    await run('crash kill')
    const report = await run('recover explain')
    const told = late.join('\n')
    expect(told).toMatch(/LSN \d+, update: transaction \d+ is running/)
    expect(told).toMatch(/LSN \d+ of transaction \d+ is undone; the CLR is at LSN \d+; nothing is left\./)
    expect(report).toMatch(/undo +1 loser undone with 1 CLR/)
    expect(await run('check')).toBe('sound')
    expect(await run('recover')).toContain('there is nothing to recover')
  })

  test('a prepared transaction comes through', async () => {
    const { run } = await openShell()
    await run('begin')
    await run('put apple red')
    await run('prepare transfer')
    await run('crash')
    await run('recover')
    expect(await run('show transactions')).toMatch(/transfer +\d+ +in doubt/)
    expect(await run('commit transfer')).toBe('"transfer", which was in doubt: committed')
    expect(await run('get apple')).toBe('red')
  })
})

test.each(['transfer 17', '"transfer 17"', "'transfer 17'"])('one in doubt is ended as %s', async (typed) => {
  const { run } = await openShell()
  await run('begin')
  await run('put apple red')
  expect(await run(`prepare ${typed}`)).toBe('T1 is prepared as "transfer 17"')
  expect(await run(`commit ${typed}`)).toBe('"transfer 17", which was in doubt: committed')
  expect(await run('get apple')).toBe('red')
})

describe('looking inside', () => {
  test('trace tells what the engine does, until it is turned off', async () => {
    const { run, late } = await openShell()
    expect(await run('trace on')).toBe('trace on')
    await run('put apple red')
    expect(late).toContainEqual(expect.stringMatching(/^ {2}LSN \d+ is appended: update of transaction \d+, page 3\.$/))
    expect(late).toContainEqual(expect.stringMatching(/^ {2}The log is durable up to LSN \d+\.$/))
    expect(late.join('\n')).not.toMatch(/is fixed|locks/)
    expect(await run('trace all')).toBe('trace all')
    await run('put cherry red')
    expect(late).toContainEqual(expect.stringMatching(/^ {2}Page 3 is fixed: it is in the buffer pool\.$/))
    expect(late).toContainEqual(
      expect.stringMatching(/^ {2}Transaction \d+ locks key 'cherry' of table 'data' in mode X\.$/),
    )
    await run('trace off')
    const count = late.length
    await run('put banana yellow')
    expect(late).toHaveLength(count)
    await expect(run('trace')).rejects.toThrow('usage: trace on|all|off')
  })

  test('the tables, and what empties them', async () => {
    const { run } = await openShell()
    expect(await run('show att')).toContain('the transaction table is empty')
    await run('begin')
    await run('put apple red')
    expect(await run('show att')).toMatch(/^name +id +status +firstLSN +lastLSN +undoNextLSN\nT1 +\d+ +running /)
    expect(await run('show dpt')).toMatch(/^page +recLSN\n1 +\d+\n2 +\d+\n3 +\d+$/)
    expect(await run('flush pages')).toBe('all pages are on disk')
    expect(await run('show dpt')).toContain('the dirty page table is empty')
    expect(await run('checkpoint')).toMatch(/^checkpoint at LSN \d+$/)
    expect(await run('show log')).toMatch(/begin-checkpoint\n.*end-checkpoint +1 transaction, 0 dirty pages/)
    expect(await run('show page 3')).toMatch(
      /^page 3 in the buffer pool, as it is on disk\n(.*\n)+.*cell 0: 'apple' -> 'red'$/,
    )
    expect(await run('show tables')).toMatch(/> +data +3/)
    expect(await run('show page')).toBe('error: a whole number is wanted, not nothing')
    expect(await run('show page 9999')).toMatch(/^error: there is no page 9999/)
  })

  test('the last records of a log of many segments', async () => {
    const { run } = await openShell()
    await run('begin')
    for (let i = 0; i < 300; i++) await run(`put key-${i} ${'v'.repeat(2_000)}`)
    const lsns = (await run('show log 300'))
      .split('\n')
      .slice(1, -1)
      .map((line) => Number(/\d+/.exec(line)?.[0]))
    expect(lsns).toHaveLength(300)
    expect(lsns).toEqual([...lsns].sort((a, b) => a - b))
    expect(Math.floor((lsns[0] as number) / 262_144)).toBeLessThan(Math.floor((lsns.at(-1) as number) / 262_144))
  })
})

test('a table has more rows than a call takes arguments', async () => {
  const { session } = await openShell()
  const { buffer } = session.opened.managers
  const dirtyPages = new DirtyPageTable(150_000)
  for (let i = 1; i <= 150_000; i++) dirtyPages.add(asPageId(i), asLsn(i))
  buffer.dirtyPages = () => dirtyPages
  expect((await runLine(session, 'show dpt')).length).toBe(150_001)
})

test('what is no command, or not as it should be, is usage', async () => {
  const { session } = await openShell()
  await expect(runLine(session, 'frob')).rejects.toThrow('there is no command frob')
  await expect(runLine(session, 'constructor')).rejects.toThrow('there is no command constructor')
  await expect(runLine(session, 'put apple')).rejects.toThrow('usage: put KEY VALUE...')
  await expect(runLine(session, 'show')).rejects.toThrow('usage: show att|dpt|log')
  await expect(runLine(session, 'crash random x')).rejects.toThrow('usage: crash')
})

test('completion: commands, what may follow them, names', async () => {
  const { session, run } = await openShell()
  expect(completionsOf(session, 'sh')).toEqual([['show '], 'sh'])
  expect(completionsOf(session, '')[0]).toHaveLength(Object.keys(COMMANDS).length)
  expect(completionsOf(session, 'show l')).toEqual([['log ', 'locks '], 'l'])
  await run('begin Anna')
  expect(completionsOf(session, 'commit A')).toEqual([['Anna '], 'A'])
  await run('put a b')
  await run('commit')
  expect(completionsOf(session, 'table ')).toEqual([['data '], ''])
  await run('crash')
  expect(completionsOf(session, 'table ')).toEqual([[], ''])
})

describe('the shell', () => {
  test('commands from a pipe are printed with their answers; the same ones always answer the same', async () => {
    const script = '# lecture 7\nbegin\nput apple red\n\nshow log 3\ncommit\ncrash\nrecover\nscan\nquit\nscan\n'
    const { code, stdout, stderr } = await runScript(script)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^aries> begin\nT1 is transaction 2\naries T1> put apple red\ndone\naries T1> show log 3\n/)
    expect(stdout).toMatch(
      /aries> crash\ncrashed; .*\ncrashed> recover\n(.*\n){4}aries> scan\napple {2}red\naries> quit\n$/,
    )
    expect((await runScript(script)).stdout).toBe(stdout)
  })

  test('an unknown command ends it with 2', async () => {
    const { code, stderr } = await runScript('frob\nput a b\n')
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'aries: there is no command frob; "help" lists them\n' })
  })

  test('on a directory it writes, cannot crash, and closes at the end', async () => {
    const directory = await makeDatabase('killed', async (database) => database.table('data', TEXT).put('a', 'A'))
    const { code, stdout } = await runScript('put b B\nbegin\nput c C\ncrash\n', directory)
    expect(code).toBe(0)
    expect(stdout).toContain('error: only a database in memory can crash here')
    await using database = await open(directory)
    expect(database.recovery.wasNeeded).toBe(false)
    expect(await database.table('data', TEXT).count()).toBe(2)
  })

  test('a directory without a database', async () => {
    const directory = scratchPath('none')
    const { code, stderr } = await runScript('', directory)
    expect(code).toBe(3)
    expect(stderr).toContain('there is no database in')
    expect(existsSync(directory)).toBe(false)
  })
})
