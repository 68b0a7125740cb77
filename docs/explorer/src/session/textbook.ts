/** The golden scenarios of the test suite, as the menu of the page: those of books first, then those made for the set. */
import type { Scenario } from '../../../../src/scenario/scenario.ts'
import { findTextScenarios } from '../../../../src/scenario/text/find-text.ts'
import type { TextbookEntry } from './types.ts'

/** Vite puts the files into the script; only where its types are known, `import.meta` has `glob`. */
interface WithGlob {
  glob(pattern: string, options: object): Record<string, string>
}

const files = (import.meta as unknown as WithGlob).glob('../../../../test/scenarios/text/*.scenario', {
  query: '?raw',
  import: 'default',
  eager: true,
})

const FIRST_LINE = /^scenario (\S+) (".*")$/m
const SOURCE = /^source (".*")$/m

const texts = new Map<string, string>()
const entries: TextbookEntry[] = []
for (const text of Object.values(files)) {
  const [, id = '', title = '""'] = FIRST_LINE.exec(text) ?? []
  const [, source = '""'] = SOURCE.exec(text) ?? []
  texts.set(id, text)
  entries.push({ id, title: JSON.parse(title), source: JSON.parse(source) })
}

const isOfBook = (id: string): boolean => id.startsWith('S')

export const textbook: readonly TextbookEntry[] = entries.sort(
  (a, b) => Number(isOfBook(b.id)) - Number(isOfBook(a.id)) || (a.id < b.id ? -1 : 1),
)

/** The exercise in the text notation; undefined when there is none of this id. */
export const textbookText = (id: string): string | undefined => texts.get(id)

export function textbookScenario(id: string): Scenario | undefined {
  const text = texts.get(id)
  return text === undefined ? undefined : findTextScenarios(text, id)[0]?.load()
}
