/** What a student's file can reach: its folder and what it is given, and never the engine's own passes. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { placeInFolder, StudentModules } from '../../../src/cli/lab/check/student-modules.ts'
import { attemptsOf } from '../../../src/cli/lab/recovery/attempts.ts'
import * as engine from '../../../src/cli/lab/recovery/engine.ts'
import { LogReader } from '../../../src/log/log-reader.ts'
import { ENGINE_PASSES } from '../../../src/recovery/passes.ts'
import { findScenarios } from '../../../src/scenario/find.ts'
import { observe, observeEpisode } from '../../../src/scenario/observe.ts'
import type { RestartScenario } from '../../../src/scenario/scenario.ts'
import { makeFolderWith, ROOT, scenariosText } from './folders.ts'

const load = (text: string, files: Readonly<Record<string, string>> = {}): unknown =>
  new StudentModules(makeFolderWith({ ...files, 'own.ts': text }), { './engine.js': engine }).load('own.ts')['value']

describe('a file may import', () => {
  test('what it is given, and its neighbours, types or not, whatever their ending', () => {
    const files = { 'help.ts': 'export const two: number = 2\n', 'more.js': "export { two } from './help.ts'\n" }
    expect(
      load(
        "import { two } from './more.js'\nimport { type Lsn, NULL_LSN } from './engine.js'\nexport const value = two + NULL_LSN\n",
        files,
      ),
    ).toBe(2)
    expect(
      load(
        "import { two } from './help'\nimport * as all from './help.js'\nexport const value = two + all.two\n",
        files,
      ),
    ).toBe(4)
  })
})

describe('a file may not import', () => {
  test.each([
    ['the package', "import { open } from 'aries-db'\nexport const value = open"],
    ['the passes in its source', "import { Redo } from 'aries-db/src/recovery/redo.ts'\nexport const value = Redo"],
    ['a file by its path', `import { Redo } from '${ROOT}src/recovery/redo.ts'\nexport const value = Redo`],
    ['Node', "import { readFileSync } from 'node:fs'\nexport const value = readFileSync"],
    ['by require', "export const value = require('fs')"],
  ])('%s', (_what, text) => {
    expect(() => load(text)).toThrow(
      /^own.ts imports ".*": a lab may import \.\/engine\.js and files of its own folder only$/,
    )
  })

  test('what lies outside of the folder, by a path or by a link', () => {
    const outside = mkdtempSync(join(tmpdir(), 'aries-outside-'))
    onTestFinished(() => rmSync(outside, { recursive: true, force: true }))
    mkdirSync(join(outside, 'lab'))
    writeFileSync(join(outside, 'redo.ts'), 'export const value = 1\n')
    symlinkSync(join(outside, 'redo.ts'), join(outside, 'lab', 'link.ts'))
    const modules = new StudentModules(join(outside, 'lab'), {})
    for (const path of ['../redo.ts', './link.ts']) {
      writeFileSync(join(outside, 'lab', 'own.ts'), `export { value } from '${path}'\n`)
      expect(() => new StudentModules(join(outside, 'lab'), {}).load('own.ts')).toThrow(
        "redo.ts is outside of the lab's folder, where the solutions may be",
      )
    }
    expect(() => modules.load('gone.ts')).toThrow('there is no file gone.ts')
  })

  test('later, when nobody looks', async () => {
    await expect(load("export const value = import('node:fs')")).rejects.toThrow('own.ts imports "node:fs"')
    expect(() => load("export const value = eval('1')")).toThrow('Code generation from strings disallowed')
    expect(() => load('export const value = process.env')).toThrow('process is not defined')
  })
})

test('nothing that the passes are handed leads to the passes of the engine', () => {
  const [found] = findScenarios(scenariosText(), 'scenarios.json').filter(({ id }) => id === 'S01')
  const scenario = found?.load() as RestartScenario
  const handed: unknown[] = [engine]
  const note = (values: readonly unknown[]): void => void handed.push(...values)
  const spying = {
    analyse: (...args: Parameters<typeof ENGINE_PASSES.analyse>) => {
      note(args)
      return ENGINE_PASSES.analyse(...args)
    },
    Redo: class extends ENGINE_PASSES.Redo {
      constructor(...args: ConstructorParameters<typeof ENGINE_PASSES.Redo>) {
        note(args)
        super(...args)
      }
    },
    Rollback: class extends ENGINE_PASSES.Rollback {
      constructor(...args: ConstructorParameters<typeof ENGINE_PASSES.Rollback>) {
        note(args)
        super(...args)
      }
    },
  }
  const [attempt] = attemptsOf(scenario)
  if (attempt === undefined) throw new Error('S01 has an attempt')
  observeEpisode(scenario, attempt.episode, attempt.log, spying)
  expect(observe(scenario)).toHaveLength(1)
  const reached = reachableFrom(handed)
  expect(reached.has(LogReader)).toBe(true)
  for (const secret of Object.values(ENGINE_PASSES)) expect(reached.has(secret)).toBe(false)
})

/** Everything that can be got at by properties, prototypes and constructors; maps and sets are gone into. */
function reachableFrom(roots: readonly unknown[]): Set<unknown> {
  const seen = new Set<unknown>()
  const left = [...roots]
  while (left.length > 0) {
    const value = left.pop()
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue
    seen.add(value)
    if (value instanceof Map || value instanceof Set) left.push(...value.keys(), ...value.values())
    if (ArrayBuffer.isView(value)) continue
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key)
      left.push(property?.value, property?.get, property?.set)
    }
    left.push(Object.getPrototypeOf(value))
  }
  return seen
}

test('the line of an error is told in terms of the folder', () => {
  const directory = makeFolderWith({ 'own.ts': 'type A = number\n\nexport const value = (a: A) => (a as any).x.y\n' })
  const { value } = new StudentModules(directory, {}).load('own.ts') as { value: (a: unknown) => unknown }
  let thrown: unknown
  try {
    value({})
  } catch (error) {
    thrown = error
  }
  expect(placeInFolder(thrown, directory)).toBe('own.ts:3')
  expect(placeInFolder(new Error('elsewhere'), directory)).toBeUndefined()
})
