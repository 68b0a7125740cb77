/**
 * The property tests with the bug `ARIES_PLANTED` in the engine, or without one. The source on disk is
 * not touched: the patch is applied to what the tests load. The files run one after the other, in the
 * order of `ARIES_FILES`, up to the first test that fails.
 *
 *   ARIES_PLANTED=wal-rule-dropped npx vitest run --config property-tests/planted-bugs/vitest.config.ts
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { PLANTED_BUGS } from './catalogue.ts'
import { type PlantedBug, plantInto } from './planted-bug.ts'
import { PlantedReporter } from './reporter.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const name = process.env['ARIES_PLANTED']
/** Whether `main.ts` is listening. */
const isWatched = process.env['ARIES_REPORT'] !== undefined
const files = (process.env['ARIES_FILES'] ?? '').split(',').filter((file) => file !== '')

function planter(bug: PlantedBug): Plugin {
  const path = join(ROOT, bug.file)
  return {
    name: 'planted-bug',
    enforce: 'pre',
    transform: (source, id) => (id.split('?')[0] === path ? { code: plantInto(source, bug), map: null } : undefined),
  }
}

function plugins(): Plugin[] {
  if (name === undefined) return []
  const bug = PLANTED_BUGS.find((each) => each.name === name)
  if (bug === undefined) throw new Error(`there is no planted bug ${name}`)
  return [planter(bug)]
}

class InOrder extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = files.findIndex((file) => moduleId.endsWith(`/${file}`))
      return place < 0 ? files.length : place
    }
    return specifications.sort((a, b) => placeOf(a) - placeOf(b))
  }
}

const found = readdirSync(join(ROOT, 'property-tests')).filter((file) => file.endsWith('.test.ts'))

export default defineConfig({
  root: ROOT,
  plugins: plugins(),
  test: {
    include: (files.length > 0 ? files : found).map((file) => `property-tests/${file}`),
    pool: 'threads',
    fileParallelism: false,
    bail: 1,
    sequence: { sequencer: InOrder },
    testTimeout: 600_000,
    setupFiles: isWatched ? ['property-tests/planted-bugs/heartbeat.ts'] : [],
    reporters: isWatched ? [new PlantedReporter()] : ['default'],
  },
})
