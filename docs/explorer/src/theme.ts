/**
 * The colours, once for the page (as CSS variables) and for the exported picture, which must carry its
 * own. Text on its ground has a contrast of at least 4.5 in both themes; nothing is told by colour alone.
 */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'

export interface Palette {
  readonly page: string
  readonly panel: string
  readonly raised: string
  readonly line: string
  readonly ink: string
  readonly muted: string
  readonly accent: string
  readonly onAccent: string
  /** Ground and edge of what this step has changed. */
  readonly lit: string
  readonly litEdge: string
  readonly good: string
  readonly bad: string
  readonly running: string
  readonly crashed: string
  readonly analysis: string
  readonly redo: string
  readonly undo: string
  /** One for each transaction; they repeat. */
  readonly transactions: readonly string[]
}

const LIGHT: Palette = {
  page: '#f3f4f7',
  panel: '#ffffff',
  raised: '#eceff4',
  line: '#cdd4df',
  ink: '#161f2d',
  muted: '#4e5b6f',
  accent: '#1a5ab8',
  onAccent: '#ffffff',
  lit: '#fff1c7',
  litEdge: '#b25a00',
  good: '#14703f',
  bad: '#ae231b',
  running: '#44546a',
  crashed: '#a3241c',
  analysis: '#1a5ab8',
  redo: '#0a6b50',
  undo: '#7536b3',
  transactions: ['#0a62b5', '#b34700', '#1a7a3c', '#8a3ab9', '#b3155f', '#5d6400', '#007080', '#7a4a2b'],
}

const DARK: Palette = {
  page: '#0f141c',
  panel: '#171e29',
  raised: '#212b3a',
  line: '#3a475e',
  ink: '#e9eef6',
  muted: '#a9b6ca',
  accent: '#8fbcff',
  onAccent: '#0b1626',
  lit: '#40340f',
  litEdge: '#ffc857',
  good: '#74dda0',
  bad: '#ffa299',
  running: '#b8c5d9',
  crashed: '#ffa299',
  analysis: '#8fbcff',
  redo: '#6fdcc0',
  undo: '#d0a8ff',
  transactions: ['#7db8ff', '#ffab70', '#7fd99a', '#d7a6ff', '#ff9cc7', '#d3d86a', '#6fd6e3', '#dcb497'],
}

export type ThemeName = 'light' | 'dark'
export type ThemeChoice = ThemeName | 'system'

export const palettes: Readonly<Record<ThemeName, Palette>> = { light: LIGHT, dark: DARK }

const variablesOf = ({ transactions, ...colours }: Palette): string =>
  [
    ...Object.entries(colours).map(([name, colour]) => `--${name}:${colour}`),
    ...transactions.map((colour, index) => `--transaction-${index}:${colour}`),
  ].join(';')

/** Puts the colours where the style sheet reads them. */
export function installPalettes(): void {
  const sheet = document.createElement('style')
  sheet.textContent = [
    `:root{color-scheme:light;${variablesOf(LIGHT)}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${variablesOf(DARK)}}}`,
    `:root[data-theme=dark]{color-scheme:dark;${variablesOf(DARK)}}`,
  ].join('\n')
  document.head.append(sheet)
}

/** The colour of a transaction, as CSS. */
export const transactionColour = (txnId: number): string => `var(--transaction-${txnId % LIGHT.transactions.length})`

const STORAGE_KEY = 'aries-explorer-theme'

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORAGE_KEY)
    if (stored === 'light' || stored === 'dark') return stored
  } catch {
    // A page in a sandboxed frame has no storage; the choice then lasts as long as the page.
  }
  return 'system'
}

function store(choice: ThemeChoice): void {
  try {
    localStorage.setItem(STORAGE_KEY, choice)
  } catch {
    // As above.
  }
}

export interface Theme {
  /** What is shown now. */
  readonly name: ThemeName
  toggle(): void
}

const systemIsDark = matchMedia('(prefers-color-scheme: dark)')

/** The theme: the reader's choice if there is one, and else the system's, also when that changes. */
export function useTheme(): Theme {
  const [choice, setChoice] = useState(storedChoice)
  const [system, setSystem] = useState<ThemeName>(systemIsDark.matches ? 'dark' : 'light')
  useEffect(() => {
    const follow = () => setSystem(systemIsDark.matches ? 'dark' : 'light')
    systemIsDark.addEventListener('change', follow)
    return () => systemIsDark.removeEventListener('change', follow)
  }, [])
  // Before the page is painted, so that nothing is seen in the wrong colours.
  useLayoutEffect(() => {
    if (choice === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = choice
  }, [choice])
  const name = choice === 'system' ? system : choice
  return {
    name,
    toggle() {
      const next = name === 'dark' ? 'light' : 'dark'
      store(next)
      setChoice(next)
    },
  }
}
