/**
 * `npm run scenarios -- FILE_OR_DIRECTORY...` replays scenarios and prints a line for each. Of a
 * directory, every .json and .scenario file is read. Exits with 1 when one differs or cannot be read.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { findScenarios } from './find.ts'
import type { FoundScenario } from './load.ts'
import { describeResult, replay } from './replay.ts'

const DEFAULT_PATH = 'test/scenarios'

interface Count {
  equal: number
  'not-applicable': number
  differs: number
  unreadable: number
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => /\.(json|scenario)$/.test(name))
  if (names.length === 0) throw new Error(`${path} has no .json or .scenario file`)
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name))
}

function main(paths: readonly string[]): void {
  const count: Count = { equal: 0, 'not-applicable': 0, differs: 0, unreadable: 0 }
  const attempt = (label: string, work: () => void): void => {
    try {
      work()
    } catch (error) {
      count.unreadable++
      console.log(`${label.padEnd(4)} CANNOT BE READ: ${(error as Error).message}`)
    }
  }
  const replayOne = ({ id, load }: FoundScenario): void => {
    attempt(id, () => {
      const result = replay(load())
      count[result.verdict]++
      console.log(describeResult(result))
    })
  }
  for (const path of paths) {
    attempt(path, () => {
      for (const file of filesOf(path)) {
        attempt(file, () => {
          for (const scenario of findScenarios(readFileSync(file, 'utf8'), file)) replayOne(scenario)
        })
      }
    })
  }
  console.log(
    `${count.equal} equal, ${count.differs} differ, ${count['not-applicable']} not applicable, ${count.unreadable} cannot be read`,
  )
  if (count.differs + count.unreadable > 0) process.exitCode = 1
}

const paths = process.argv.slice(2)
main(paths.length === 0 ? [DEFAULT_PATH] : paths)
