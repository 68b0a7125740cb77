import { describe, expect, test } from 'vitest'
import { formatCase, parseCase } from '../../src/testing/crash-case.ts'
import { type PendingChange, SimulatedFileSystem } from '../../src/testing/index.ts'
import {
  crashChoiceOf,
  drawPersisted,
  formatPersisted,
  type Persisted,
  parsePersisted,
} from '../../src/testing/persisted.ts'

/** A disk with a file `f` of which `count` writes of a sector each are unsynced: the sector i holds i + 1. */
function diskWithWrites(count: number): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  const file = disk.open('f', 'create')
  disk.syncDirectory()
  for (let i = 0; i < count; i++) file.writeAt(new Uint8Array(512).fill(i + 1), 0, 512, i * 512)
  return disk
}

/** The first byte of each sector of `f` after a crash. */
function sectorsAfter(disk: SimulatedFileSystem, persisted: Persisted): number[] {
  const bytes = disk.crash(crashChoiceOf(persisted, disk.pendingChanges())).contentOf('f')
  return Array.from({ length: Math.ceil(bytes.length / 512) }, (_, sector) => bytes[sector * 512] as number)
}

describe('states of a crash', () => {
  test('keep what they name and nothing else', () => {
    const disk = diskWithWrites(4)
    expect(sectorsAfter(disk, { mode: 'none' })).toEqual([])
    expect(sectorsAfter(disk, { mode: 'all' })).toEqual([1, 2, 3, 4])
    expect(sectorsAfter(disk, { mode: 'kill' })).toEqual([1, 2, 3, 4])
    expect(sectorsAfter(disk, { mode: 'keep', kept: [{ change: 1 }, { change: 3 }] })).toEqual([1, 0, 3])
  })

  test('keep parts of a torn write', () => {
    const disk = new SimulatedFileSystem()
    const file = disk.open('f', 'create')
    disk.syncDirectory()
    file.writeAt(new Uint8Array(2048).fill(7), 0, 2048, 0)
    expect(sectorsAfter(disk, { mode: 'keep', kept: [{ change: 1, parts: [0, 2] }] })).toEqual([7, 0, 7])
  })

  test('are drawn different, the simplest first, all subsets while few', () => {
    const changes = diskWithWrites(3).pendingChanges()
    const texts = drawPersisted(changes, 20, 1).map(formatPersisted)
    expect(texts.slice(0, 3)).toEqual(['kill', 'none', 'all'])
    expect(new Set(texts).size).toBe(texts.length)
    for (const subset of ['1', '2', '3', '1,2', '1,3', '2,3', '1,2,3']) expect(texts).toContain(`keep:${subset}`)
    expect(drawPersisted(changes, 20, 1).map(formatPersisted)).toEqual(texts)
  })

  test.each([
    [2, 8, 4],
    [3, 8, 7],
    [3, 9, 8],
    [4, 17, 16],
  ])('of %i changes, %i states have %i subsets', (changes, count, subsets) => {
    const disk = diskWithWrites(changes)
    const states = drawPersisted(disk.pendingChanges(), count, 1)
    const whole = states.filter(({ mode }) => mode === 'none' || mode === 'all' || mode === 'keep')
    expect(new Set(whole.map((state) => sectorsAfter(disk, state).join())).size).toBe(subsets)
  })

  test('are one when nothing is unsynced', () => {
    expect(drawPersisted([], 20, 1)).toEqual([{ mode: 'kill' }])
  })

  test('are at most as many as asked for, and torn ones are among them', () => {
    const changes: PendingChange[] = diskWithWrites(30).pendingChanges()
    expect(drawPersisted(changes, 5, 1)).toHaveLength(5)
    const many = drawPersisted(changes, 60, 1)
    expect(many).toHaveLength(60)
    expect(many.filter(({ mode }) => mode === 'random').length).toBeGreaterThan(5)
  })

  test.each(['kill', 'all', 'none', 'random:123', 'keep:1,3/0+2,14', 'keep:'])('%s is read back', (text) => {
    const persisted = parsePersisted(text)
    expect(persisted).toBeDefined()
    expect(formatPersisted(persisted as Persisted)).toBe(text)
  })

  test.each(['', 'some', 'keep:x', 'keep:1/', 'random:', 'random:-1'])('%j is none', (text) => {
    expect(parsePersisted(text)).toBeUndefined()
  })
})

describe('a case', () => {
  test('is read back from its text', () => {
    const text = 'seed 7, crash at 57 none, crash at 4 keep:1,3/0+2'
    expect(formatCase(parseCase(text))).toBe(text)
    expect(parseCase(text).cuts.map(({ at }) => at)).toEqual([57, 4])
  })

  test.each(['', 'seed 1', 'seed 1, crash at 0 none', 'seed x, crash at 1 none', 'seed 1, crash at 1 some'])(
    'is not read from %j',
    (text) => {
      expect(() => parseCase(text)).toThrow('replay must be a text that a failed crash test printed')
    },
  )
})
