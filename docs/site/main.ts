/**
 * Builds the documentation site: guide, course, API reference, the source files they link to, and the
 * explorer. Any link that leads nowhere, or to an anchor that is not there, fails the build.
 *
 *   npm run docs
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DOCS, GENERATED, ROOT, ROOT_PAGES } from './links.ts'
import { writeSourcePages } from './source-pages.ts'

/** Runs a program, and ends this one when it fails. */
function run(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: DOCS, stdio: 'inherit' })
  if (status === 0) return
  process.stderr.write(`docs: ${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}\n`)
  process.exit(1)
}

function writeRootPages(): void {
  mkdirSync(join(GENERATED, 'root'), { recursive: true })
  for (const [name, page] of Object.entries(ROOT_PAGES)) {
    writeFileSync(join(GENERATED, 'root', `${page}.md`), readFileSync(join(ROOT, name)))
  }
}

/** The explorer is a page of its own, built from its own folder, and lies beside the other pages. */
function addExplorer(): void {
  const explorer = join(DOCS, 'explorer')
  run('npm', '--prefix', explorer, 'ci', '--no-audit', '--no-fund')
  run('npm', '--prefix', explorer, 'run', 'build')
  cpSync(join(explorer, 'dist'), join(DOCS, '.vitepress', 'dist', 'explorer'), { recursive: true })
}

const started = performance.now()
rmSync(GENERATED, { recursive: true, force: true })
run('npx', 'typedoc')
writeRootPages()
const sources = writeSourcePages()
run('npx', 'vitepress', 'build')
addExplorer()
run(
  'npx',
  'linkinator',
  '.vitepress/dist',
  '--recurse',
  '--check-fragments',
  '--verbosity',
  'error',
  // On a busy machine a connection may fail, which says nothing about a link.
  '--concurrency',
  '20',
  '--retry-errors',
  '--skip',
  '^https?://(?!localhost)|/assets/.*\\.js$',
)
process.stdout.write(
  `docs/.vitepress/dist: ${sources} source files, ${Math.round((performance.now() - started) / 1000)} s\n`,
)
