/** Folders of students, for the tests of the labs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { RECOVERY_FILES, RECOVERY_PLANS, type RecoveryFile } from '../../../src/cli/lab/recovery/plan.ts'
import { solutionOf } from '../../../src/cli/lab/recovery/skeleton.ts'
import { SCENARIO_SCHEMA } from '../../../src/scenario/scenario.ts'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

export const sourceOf = (file: RecoveryFile): string => readFileSync(join(ROOT, 'src/recovery', file), 'utf8')

/** The golden scenarios as the labs have them. */
export function scenariosText(): string {
  const directory = join(ROOT, 'test/scenarios')
  const files = readdirSync(directory).filter((name) => name.endsWith('.json'))
  const scenarios = files.sort().map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as unknown)
  return JSON.stringify({ schema: SCENARIO_SCHEMA, scenarios })
}

/** A folder that goes when the test has ended. */
export function makeFolderWith(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'aries-lab-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

/** The passes of the engine as a student would hand them in, with some text of them exchanged. */
export function solutions(
  changes: { readonly [File in RecoveryFile]?: readonly [string, string] } = {},
): Record<string, string> {
  return Object.fromEntries(
    RECOVERY_FILES.map((file) => {
      const text = solutionOf(sourceOf(file), RECOVERY_PLANS[file])
      const [find, replace] = changes[file] ?? ['', '']
      if (!text.includes(find)) throw new Error(`${file} has no ${find}`)
      return [file, text.replace(find, replace)]
    }),
  )
}
