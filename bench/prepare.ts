/** What must be there before anything is measured: the built library, the peers, the bundle of the child process. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import type { Engine } from './engines/engine.ts'

const BENCH = fileURLToPath(new URL('.', import.meta.url))
const ROOT = join(BENCH, '..')
export const CHILD = join(BENCH, 'dist', 'child.js')

const npm = (args: readonly string[], directory: string): void => {
  execFileSync('npm', [...args], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  })
}

function newestMs(directory: string): number {
  return Math.max(
    ...readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )
}

/** What is measured is what users install, so it is built first when it is older than its sources. */
export function buildLibrary(say: (text: string) => void): void {
  const built = join(ROOT, 'dist', 'index.js')
  if (existsSync(built) && statSync(built).mtimeMs >= newestMs(join(ROOT, 'src'))) return
  say('building the library (npm run build)')
  npm(['run', 'build'], ROOT)
}

/** Plain JavaScript, so that no loader of TypeScript is measured with it. */
export async function buildChild(): Promise<void> {
  await build({
    config: false,
    entry: { child: join(BENCH, 'child.ts') },
    outDir: join(BENCH, 'dist'),
    format: ['esm'],
    target: 'es2022',
    silent: true,
    clean: true,
  })
}

/** Installs what the benchmark compares with, unless it is there. One that cannot be had is left out. */
export function installPeers(say: (text: string) => void): void {
  if (existsSync(join(BENCH, 'node_modules', '.package-lock.json'))) return
  say('installing the peers into bench/node_modules (the library itself does without them)')
  try {
    // Only better-sqlite3 needs its script: the others bring what they need ready-made. Not `npm ci`, which
    // gives up where a registry lacks the binaries of another system.
    npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], BENCH)
  } catch (error) {
    say(`the peers could not be installed: ${stderrOf(error)}`)
    return
  }
  try {
    if (existsSync(join(BENCH, 'node_modules', 'better-sqlite3'))) npm(['rebuild', 'better-sqlite3'], BENCH)
  } catch (error) {
    say(`better-sqlite3 could not be built: ${stderrOf(error)}`)
  }
}

function stderrOf(error: unknown): string {
  const { stderr } = error as { stderr?: Buffer }
  const lines = stderr?.toString().split('\n') ?? []
  // Node.js and npm end with what says little; the line that says why begins so.
  return lines.find((line) => /^(\w*Error:|npm error (?!code))/.test(line)) ?? String(error)
}

/** The version of an engine, or why it cannot be used. */
export function availabilityOf(engine: Engine): { version: string } | { missing: string } {
  const packageName = engine.packageName
  if (packageName === undefined) return { version: versionIn(join(ROOT, 'package.json')) }
  try {
    // In a process of its own: a native module that does not fit may take this one with it.
    execFileSync(
      process.execPath,
      ['-e', `const m = require('${packageName}'); if (${packageName === 'better-sqlite3'}) new m(':memory:')`],
      {
        cwd: BENCH,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    return { version: versionIn(join(BENCH, 'node_modules', packageName, 'package.json')) }
  } catch (error) {
    return { missing: stderrOf(error) }
  }
}

function versionIn(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
