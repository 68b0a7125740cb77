/** `aries demo` end to end, with few rows: real processes, real kills. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { outcomeOf, runCli, startCli } from './run-cli.ts'

let scratch = ''
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'aries-demo-test-'))
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

test('kills, recovers, verifies, ends cleanly, and says so in JSON', async () => {
  const cities = join(scratch, 'cities.json')
  const list = Array.from({ length: 700 }, (_, i) => ({ name: `Ort ${i}`, country: 'DE', lat: '1.5', lng: '2.5' }))
  writeFileSync(cities, JSON.stringify(list))
  const directory = join(scratch, 'database')
  const args = ['demo', '--kills', '2', '--seed', '3', '--json', '--cities', cities, '--directory', directory]
  const { code, stdout, stderr } = await outcomeOf(startCli(args))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const result = JSON.parse(stdout)
  expect(result).toMatchObject({ seed: 3, cities: 700, violations: 0, directory })
  expect(result.rounds.map((round: { wasKilled: boolean }) => round.wasKilled)).toEqual([true, true, false])
  expect(result.rounds[0].recovery.wasNeeded).toBe(true)
  expect(result.rounds[0].inFlight).toBeGreaterThan(0)
  expect(result.rounds[2]).toMatchObject({ inFlight: 0, recovery: { wasNeeded: false } })

  const info = JSON.parse((await runCli('info', directory, '--json')).stdout)
  expect(info.tables).toContainEqual({ name: 'cities', rows: 700 })
  expect(info.tables).toContainEqual({ name: 'cities-by-name', rows: 700 })
})

test('as text it shows each recovery and a summary, and leaves nothing behind', async () => {
  const child = startCli(['demo', '--kills', '1', '--seed', '4', '--rows', '500'], { TMPDIR: scratch })
  const { code, stdout } = await outcomeOf(child)
  expect(code).toBe(0)
  for (const part of ['kill 1 of 1', 'analysis', 'redo', 'undo', 'verified', 'clean end', '500 cities']) {
    expect(stdout).toContain(part)
  }
  expect(readdirSync(scratch).filter((name) => name.startsWith('aries-demo-'))).toEqual([])
})

test('Ctrl-C kills the worker, removes the directory and ends with 130', async () => {
  const child = startCli(['demo', '--kills', '1000', '--seed', '4', '--rows', '2000'], { TMPDIR: scratch })
  const ended = outcomeOf(child)
  // After the first round the second worker runs, or is about to.
  child.stdout.on('data', (text: string) => {
    if (text.includes('verified')) child.kill('SIGINT')
  })
  expect(await ended).toMatchObject({ code: 130, stderr: 'aries: interrupted\n' })
  expect(readdirSync(scratch).filter((name) => name.startsWith('aries-demo-'))).toEqual([])
})
