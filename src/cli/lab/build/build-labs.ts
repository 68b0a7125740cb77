/** The files of dist/lab, but for the boxes of the lab "find the planted bug", which the planted bugs make. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { SCENARIO_SCHEMA } from '../../../scenario/scenario.ts'
import { RECOVERY_FILES, RECOVERY_PLANS } from '../recovery/plan.ts'
import { skeletonOf } from '../recovery/skeleton.ts'
import { trimmedDeclarations } from './declarations.ts'

/** What tsup makes of src/cli/lab/recovery/engine.ts. */
const DECLARATIONS = 'dist/lab/engine.d.ts'

/** For editors, and for `npx tsc`, in a student's folder. */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023'],
    module: 'esnext',
    moduleResolution: 'bundler',
    strict: true,
    noEmit: true,
    types: [],
  },
}

/** @param root of the repository */
export function buildLabs(root: string, target: string): void {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const write = (name: string, content: string | Uint8Array): void => {
    const file = join(root, target, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  for (const file of RECOVERY_FILES) {
    write(`recovery/${file}`, skeletonOf(read(`src/recovery/${file}`), RECOVERY_PLANS[file]))
  }
  write('recovery/engine.d.ts', trimmedDeclarations(read(DECLARATIONS)))
  rmSync(join(root, DECLARATIONS))
  write('recovery/tsconfig.json', `${JSON.stringify(TSCONFIG, undefined, 2)}\n`)
  write('scenarios.json.br', brotliCompressSync(scenariosOf(root)))
  for (const name of readdirSync(join(root, 'docs/course/labs'))) {
    if (name.endsWith('.md')) write(name, withoutLinks(read(`docs/course/labs/${name}`)))
  }
}

/** A student's folder has none of the pages that the course links to. */
function withoutLinks(text: string): string {
  return text.replaceAll(/\[([^\]]+)\]\((?:\.\.\/)+([^)]+\.md)[^)]*\)/g, '$1 (docs/$2 of the repository)')
}

/** All golden scenarios in one text, as `findScenarios` reads it. */
function scenariosOf(root: string): string {
  const directory = join(root, 'test/scenarios')
  const files = readdirSync(directory).filter((name) => name.endsWith('.json'))
  const scenarios = files.sort().map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as unknown)
  return JSON.stringify({ schema: SCENARIO_SCHEMA, scenarios })
}
