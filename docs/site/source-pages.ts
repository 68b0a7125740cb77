/**
 * A page for each file of the source that some page of the site links to, so that the site can be read
 * without the repository at hand. Each line has the anchor `L` and its number.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { DOCS, GENERATED, ROOT, siteLink } from './links.ts'

const LANGUAGES: Readonly<Record<string, string>> = { '.ts': 'ts', '.json': 'json', '.scenario': 'text' }

/** All pages below docs that the site is made of, by their paths there. */
function pages(): string[] {
  return readdirSync(DOCS, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.md') && !/(^|\/)node_modules\//.test(path) && !path.startsWith('explorer/'),
  )
}

/** The paths in the repository of the source files and directories that the pages link to. */
function linkedSources(): string[] {
  const sources = new Set<string>()
  for (const pathInDocs of pages()) {
    for (const [, link] of readFileSync(join(DOCS, pathInDocs), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      const path = siteLink(link as string, { pathInDocs, text: '' }).match(/^\/source\/([^#]+)\.html/)?.[1]
      if (path !== undefined && statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined) sources.add(path)
    }
  }
  return [...sources]
}

function listingOf(directory: string): string {
  const names = readdirSync(join(ROOT, directory)).sort()
  return names.map((name) => `- \`${name}\``).join('\n')
}

function textOf(path: string): string {
  const text = readFileSync(join(ROOT, path), 'utf8').trimEnd()
  const language = LANGUAGES[extname(path)] ?? 'text'
  return `\`\`\`\`\`${language}:line-numbers anchored\n${text}\n\`\`\`\`\``
}

export function writeSourcePages(): number {
  const sources = linkedSources()
  for (const path of sources) {
    const content = statSync(join(ROOT, path)).isDirectory() ? listingOf(path) : textOf(path)
    const file = join(GENERATED, 'source', `${path}.md`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `---\naside: false\npageClass: source\n---\n\n# \`${path}\`\n\n${content}\n`)
  }
  return sources.length
}
