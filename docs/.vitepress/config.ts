/**
 * The documentation site. Pages lie where the repository's readers find them; links.ts says where the site
 * has them. Nothing is fetched from elsewhere when a page is read: no fonts, no scripts, no search service.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type DefaultTheme, defineConfig, type MarkdownOptions } from 'vitepress'
import { DOCS, GENERATED, pageOf, siteLink } from '../site/links.ts'

/** Records of a log with a link back; in the page itself, so that it is never asked for. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="#3451b2"><rect y="8" width="4" height="6" rx="1"/><rect x="6" y="8" width="4" height="6" rx="1"/><rect x="12" y="8" width="4" height="6" rx="1"/></g><path d="M14 6C13 1 4 1 3 6" fill="none" stroke="#3451b2" stroke-width="1.5"/></svg>')}`

/** A drawing is shown at this part of its size or more. */
const LEAST_SCALE = 0.85

type Sidebar = DefaultTheme.SidebarItem[]
type MarkdownIt = Parameters<NonNullable<MarkdownOptions['config']>>[0]

const GUIDE: readonly (readonly [group: string, ...(readonly [title: string, page: string])[]])[] = [
  [
    'Use',
    ['Start', 'start'],
    ['Running a database', 'operations'],
    ['Isolation', 'isolation'],
    ['Two databases, one commit', 'two-phase-commit'],
    ['The program aries', 'cli'],
    ['Testing your program', 'testing'],
    ['Changes', 'changelog'],
  ],
  [
    'How it works',
    ['Reading order', ''],
    ['Architecture', 'architecture'],
    ['Log format', 'log-format'],
    ['File format', 'file-format'],
    ['Invariants', 'invariants'],
    ['What we assume of disks', 'media-assumptions'],
    ['Glossary', 'glossary'],
  ],
  [
    'How it is judged',
    ['Recovery scenarios', 'scenarios'],
    ['The crash lab', 'crash-lab'],
    ['Planted bugs', 'planted-bugs'],
    ['Performance', 'performance'],
  ],
]

/** The pages of a folder of the course, by their first headings; a chapter with its number. */
function coursePages(folder: string, isWanted: (name: string) => boolean): Sidebar {
  const directory = join(DOCS, 'course', folder)
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.md')) : []
  const pages = names.filter(isWanted).map((name) => {
    const title = readFileSync(join(directory, name), 'utf8').match(/^# (.*)$/m)?.[1] ?? name
    const number = Number.parseInt(name, 10)
    const link = `/${pageOf(join('course', folder, name))}`.replace(/\/index$/, '/')
    return { text: Number.isNaN(number) ? title : `${number}. ${title}`, link }
  })
  return pages.sort((a, b) => a.text.localeCompare(b.text, 'en', { numeric: true }))
}

function courseSidebar(): Sidebar {
  const isChapter = (name: string): boolean => /^\d/.test(name)
  return [
    { text: 'The course', link: '/course/', items: coursePages('', isChapter) },
    { text: 'Labs', items: coursePages('labs', () => true) },
    { text: 'Teaching', items: coursePages('', (name) => !isChapter(name) && name !== 'README.md') },
  ].filter(({ items }) => items.length > 0)
}

function guideSidebar(): Sidebar {
  return GUIDE.map(([text, ...pages]) => ({
    text,
    items: pages.map(([title, page]) => ({ text: title, link: `/guide/${page}` })),
  }))
}

/** What the API reference generates, with the addresses that its pages get here. */
function apiSidebar(): Sidebar {
  const text = readFileSync(join(GENERATED, 'api', 'typedoc-sidebar.json'), 'utf8')
  return JSON.parse(text.replaceAll('/generated/api/', '/api/').replaceAll('.md"', '"')) as Sidebar
}

/** Gives links the addresses of the site. */
function linkPages(md: MarkdownIt): void {
  md.core.ruler.push('site-links', ({ tokens, env }) => {
    const pathInDocs = relative(DOCS, env.realPath ?? env.path)
    for (const token of tokens) {
      // Words that tell the tests what a block is, and are no languages.
      if (token.type === 'fence') token.info = token.info.replace(/^(hex|repl)\b.*/, 'text')
    }
    for (const { children } of tokens) {
      children?.forEach((token, i) => {
        const href = token.type === 'link_open' ? token.attrGet('href') : null
        if (href !== null) token.attrSet('href', siteLink(href, { pathInDocs, text: children[i + 1]?.content ?? '' }))
      })
    }
  })
}

/** Puts drawings into the page itself, where they take its colours, and can be read aloud and copied. */
function inlineDrawings(md: MarkdownIt): void {
  const image = md.renderer.rules.image
  md.renderer.rules.image = (tokens, index, options, env, self) => {
    const token = tokens[index]
    const source = token?.attrGet('src') ?? ''
    if (!source.includes('figures/') || !source.endsWith('.svg'))
      return image?.(tokens, index, options, env, self) ?? ''
    const file = readFileSync(join(dirname(env.realPath ?? env.path), source), 'utf8')
    const svg = file.replace(/<style>[\s\S]*?<\/style>/, '').replace(/\n\s*/g, '')
    // On a small screen it is moved sideways rather than made too small to read.
    const leastWidth = Math.round(Number(svg.match(/ width="(\d+)"/)?.[1]) * LEAST_SCALE)
    return `<span class="figure" v-pre>${svg.replace('<svg', `<svg style="min-width:${leastWidth}px"`)}</span>`
  }
}

/** The anchor of a heading, as GitHub forms it: links work there and here. */
function slugify(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replace(/\s/g, '-')
}

/** Numbers as anchors of the lines of a source page. */
const lineAnchors = {
  name: 'line-anchors',
  line(this: { options: { meta?: { __raw?: string } } }, node: { properties: Record<string, unknown> }, line: number) {
    if (this.options.meta?.__raw?.includes('anchored')) node.properties['id'] = `L${line}`
  },
}

export default defineConfig({
  title: 'aries-db',
  description: 'ARIES recovery, to use and to learn: an embedded transactional storage engine in TypeScript',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: ICON }]],
  srcExclude: ['explorer/**'],
  rewrites: (path) => `${pageOf(path)}.md`,
  // The explorer is put beside the pages after they are built; linkinator sees every link, these too.
  ignoreDeadLinks: true,
  markdown: {
    config: (md) => {
      linkPages(md)
      inlineDrawings(md)
    },
    anchor: { slugify },
    codeTransformers: [lineAnchors],
  },
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    nav: [
      { text: 'Course', link: '/course/', activeMatch: '^/course/' },
      { text: 'Explorer', link: '/explorer/', target: '_self' },
      { text: 'Guide', link: '/guide/start', activeMatch: '^/guide/' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
    ],
    sidebar: { '/course/': courseSidebar(), '/guide/': guideSidebar(), '/api/': apiSidebar() },
    outline: [2, 3],
    search: {
      provider: 'local',
      options: { _render: (src, env, md) => (env.relativePath.startsWith('source/') ? '' : md.render(src, env)) },
    },
  },
})
