/** Every golden scenario of this folder is replayed on the real managers. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findScenarios } from '../../src/scenario/find.ts'
import type { FoundScenario } from '../../src/scenario/load.ts'
import { describeResult, replay } from '../../src/scenario/replay.ts'

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))

function scenariosOf(file: string): FoundScenario[] {
  return findScenarios(readFileSync(new URL(file, folder), 'utf8'), file)
}

describe('golden scenarios', () => {
  test('all of them are here', () => {
    expect(files.filter((file) => file.startsWith('S'))).toHaveLength(30)
  })

  for (const { id, load } of files.flatMap(scenariosOf)) {
    test(id, () => {
      const scenario = load()
      const result = replay(scenario)
      expect(result.verdict, describeResult(result)).toBe(scenario.variant.allocRecords ? 'not-applicable' : 'equal')
    })
  }
})
