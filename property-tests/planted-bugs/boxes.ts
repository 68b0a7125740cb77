/**
 * Boxes for the course's lab "find the planted bug": the engine with a bug in it, as one unreadable module. All of
 * them lie in one compressed file, where what they have in common, which is nearly everything, is there once.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { build } from 'tsup'
import type { Box, BoxArchive } from '../../src/cli/lab/planted-bug/archive.ts'
import { PLANTED_BUGS } from './catalogue.ts'
import { type PlantedBug, plantInto } from './planted-bug.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A bug to be put into a box. */
interface BoxedBug {
  readonly name: string
  /** Invariants that may be named as well, because the bug breaks them on the way. */
  readonly accepted?: readonly string[]
}

/** Bugs that a crash test of a few lines meets, each by another idea; in no order that would tell anything. */
export const BOXED: readonly BoxedBug[] = [
  { name: 'double-write-never-restored' },
  { name: 'undo-next-lsn-one-too-far' },
  { name: 'wal-rule-dropped' },
  { name: 'savepoint-undoes-too-much' },
  { name: 'commit-acknowledged-before-flush' },
  { name: 'split-not-a-nested-top-action', accepted: ['I22', 'I23'] },
  { name: 'analysis-ignores-checkpoint-pages' },
  { name: 'in-doubt-undone-at-restart' },
  { name: 'redo-passes-over-clrs', accepted: ['I7', 'I14'] },
  { name: 'master-before-log' },
  { name: 'clr-undone-again' },
  { name: 'redo-skips-first-change', accepted: ['I14'] },
]

/**
 * The engine asserts its invariants, by their numbers: opening a database would be enough to find some of the bugs and to
 * know their names. The engine in a box does not, so that it can be found by what it promised only.
 */
const withoutAssertions: Plugin = {
  name: 'without-assertions',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]common[\\/]assert\.ts$/ }, () => ({ contents: 'export function assert() {}', loader: 'ts' }))
  },
}

/** The engine as one module, with a bug or without. */
async function bundle(bug: PlantedBug | undefined): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'aries-box-'))
  try {
    await build({
      config: false,
      silent: true,
      entry: { box: join(ROOT, 'src/cli/lab/planted-bug/engine.ts') },
      outDir: directory,
      format: ['esm'],
      outExtension: () => ({ js: '.mjs' }),
      target: 'es2022',
      platform: 'node',
      minify: true,
      noExternal: ['crc-32'],
      esbuildPlugins: [withoutAssertions, ...(bug === undefined ? [] : [planter(bug)])],
    })
    return readFileSync(join(directory, 'box.mjs'), 'utf8')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

type Plugin = NonNullable<Parameters<typeof build>[0]['esbuildPlugins']>[number]

function planter(bug: PlantedBug): Plugin {
  const path = join(ROOT, bug.file)
  return {
    name: 'planted-bug',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path: loaded }) =>
        loaded === path ? { contents: plantInto(readFileSync(path, 'utf8'), bug), loader: 'ts' } : undefined,
      )
    },
  }
}

/** The boxes, and the engine as it is in a box of its own. @throws when a bug is not planted any more */
export async function makeArchive(): Promise<BoxArchive> {
  const boxes: Box[] = []
  for (const { name, accepted = [] } of BOXED) {
    const bug = PLANTED_BUGS.find((each) => each.name === name)
    if (bug === undefined) throw new Error(`there is no planted bug ${name} for a box`)
    const { invariant, sentence } = bug
    boxes.push({ name, invariants: [invariant, ...accepted], sentence, code: await bundle(bug) })
  }
  return { sound: await bundle(undefined), boxes, invariants: invariants() }
}

/** Number and statement of each, from the documentation: students choose from these. */
function invariants(): BoxArchive['invariants'] {
  const rows = readFileSync(join(ROOT, 'docs/invariants.md'), 'utf8').matchAll(/^\| (I\d+) \| (.*?) \|/gm)
  return [...rows].map(([, id = '', statement = '']) => ({ id, statement }))
}

export async function writeBoxes(file: string): Promise<void> {
  const text = JSON.stringify(await makeArchive())
  mkdirSync(dirname(file), { recursive: true })
  const params = {
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  }
  writeFileSync(file, brotliCompressSync(text, { params }))
}
