/**
 * Where a file of the repository is on the site. Pages link to each other and to source files by relative
 * paths, so that the links work wherever the repository is read; the site has other addresses, and this is
 * the one place that knows both.
 *
 *   repository                 site
 *   docs/index.md              /
 *   README.md, CHANGELOG.md    /guide/start, /guide/changelog
 *   docs/NAME.md               /guide/NAME            (docs/README.md: /guide/)
 *   docs/course/NAME.md        /course/NAME           (README.md: /course/)
 *   any other file             /source/PATH.html      a page with its text, made by source-pages.ts
 *
 * What is made at build time lies in docs/generated, and is mapped back to what it was made from.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const DOCS = join(ROOT, 'docs')
export const GENERATED = join(DOCS, 'generated')

/** Pages of the repository's root that the site shows, by their names there. */
export const ROOT_PAGES: Readonly<Record<string, string>> = { 'README.md': 'start', 'CHANGELOG.md': 'changelog' }

/** The path, below the site's root and without `.md`, of a page given by its path below docs. */
export function pageOf(pathInDocs: string): string {
  const path = pathInDocs.replace(/\.md$/, '').replace(/(^|\/)README$/, '$1index')
  if (path.startsWith('generated/root/')) return path.replace('generated/root/', 'guide/')
  if (path.startsWith('generated/')) return path.slice('generated/'.length)
  return path.includes('/') || pathInDocs === 'index.md' ? path : `guide/${path}`
}

/** The path in the repository of a page given by its path below docs, as its links see it. */
export function repositoryPathOf(pathInDocs: string): string {
  const name = pathInDocs.match(/^generated\/root\/(.*)\.md$/)?.[1]
  const rootPage = Object.entries(ROOT_PAGES).find(([, shown]) => shown === name)
  return rootPage === undefined ? `docs/${pathInDocs}` : rootPage[0]
}

/** The address of a file or directory of the repository, which need not exist. */
function addressOf(repositoryPath: string): string {
  const rootPage = ROOT_PAGES[repositoryPath]
  if (rootPage !== undefined) return `/guide/${rootPage}`
  if (!repositoryPath.startsWith('docs/') || !repositoryPath.endsWith('.md')) return `/source/${repositoryPath}.html`
  return `/${pageOf(repositoryPath.slice('docs/'.length))}`.replace(/\/index$/, '/')
}

/**
 * A link of a page, as the site has it. One to a source file whose text is a name in it leads to the line
 * that declares the name. Links out of the site and to the same page stay as they are.
 */
export function siteLink(link: string, page: { pathInDocs: string; text: string }): string {
  if (/^([a-z]+:|#|\/)/.test(link)) return link
  const [path, anchor] = link.split('#') as [string, string | undefined]
  const target = posix.normalize(posix.join(dirname(repositoryPathOf(page.pathInDocs)), path)).replace(/\/$/, '')
  const address = addressOf(target)
  if (anchor !== undefined) return `${address}#${anchor}`
  const line = address.startsWith('/source/') ? lineOf(target, page.text) : undefined
  return line === undefined ? address : `${address}#L${line}`
}

/** The first line of a file that declares `name` (of `Class.method`, the method), or undefined. */
export function lineOf(repositoryPath: string, name: string): number | undefined {
  const word = name.match(/^(?:\w+\.)*(#?\w+)$/)?.[1]
  const file = statSync(join(ROOT, repositoryPath), { throwIfNoEntry: false })
  if (word === undefined || !file?.isFile()) return undefined
  const lines = readFileSync(join(ROOT, repositoryPath), 'utf8').split('\n')
  const declares = new RegExp(`^(export )?(async )?(function|class|const|type|interface) ${word}\\b`)
  const member = new RegExp(`^  (private |static |readonly |async |get |\\*)*${word}\\b ?(<.*>)?[(:=]`)
  const inside = new RegExp(`^\\s+${word}\\b ?[(:=,]`)
  for (const pattern of [declares, member, inside]) {
    const at = lines.findIndex((line) => pattern.test(line))
    if (at >= 0) return at + 1
  }
  return undefined
}
