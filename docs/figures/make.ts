/**
 * Writes the drawings of the course to docs/course/figures. test/course.test.ts notices when one that is
 * there is not what this makes.
 *
 *   npx tsx docs/figures/make.ts
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { FIGURES } from './figures.ts'

const FOLDER = fileURLToPath(new URL('../course/figures/', import.meta.url))

/** The drawings as files, by name. */
export function drawnFigures(): Map<string, string> {
  const style = readFileSync(new URL('drawing.css', import.meta.url), 'utf8')
  // A file of its own has no page that could say whether it is dark.
  const alone = style.replace(/\.dark (\.drawing \{[^}]*\})/, '@media (prefers-color-scheme: dark) {\n$1\n}')
  return new Map(Object.entries(FIGURES).map(([name, draw]) => [`${name}.svg`, draw().svg(alone)]))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  mkdirSync(FOLDER, { recursive: true })
  for (const [name, svg] of drawnFigures()) writeFileSync(`${FOLDER}${name}`, svg)
}
