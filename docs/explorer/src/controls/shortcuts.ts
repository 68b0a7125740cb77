/** The keys, and what they do: one list for the help and for the page. */
import { useEffect, useRef } from 'preact/hooks'

export interface Shortcut {
  readonly keys: readonly string[]
  readonly text: string
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ['→', 'n'], text: 'step forward' },
  { keys: ['←', 'p'], text: 'step back' },
  { keys: ['Space'], text: 'play and pause' },
  { keys: ['Home'], text: 'first step' },
  { keys: ['End'], text: 'last step' },
  { keys: [']'], text: 'the next phase' },
  { keys: ['['], text: 'the phase before' },
  { keys: ['l'], text: 'list of all steps' },
  { keys: ['c'], text: 'crash here (in a live session)' },
  { keys: ['r'], text: 'restart (after a crash)' },
  { keys: ['o'], text: 'your own scenario' },
  { keys: ['d'], text: 'predict mode on and off' },
  { keys: ['s'], text: 'share' },
  { keys: ['t'], text: 'dark and light' },
  { keys: ['?'], text: 'this help' },
]

/** Where keys mean something else already. */
const KEEPS_KEYS = 'input, textarea, select, dialog, [contenteditable]'

/**
 * Calls what stands for the key, unless the reader is typing, or the key is a button's own. Keys that write
 * a sign can be switched off, because speech input may write them unasked.
 */
export function useShortcuts(handlers: Readonly<Record<string, () => void>>, areLettersOn: boolean): void {
  // Read at each key: keys that repeat come faster than effects run.
  const latest = useRef({ handlers, areLettersOn })
  latest.current = { handlers, areLettersOn }
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      const { handlers, areLettersOn } = latest.current
      if (!areLettersOn && event.key.length === 1 && event.key !== ' ') return
      const target = event.target instanceof Element ? event.target : undefined
      if (target?.closest(KEEPS_KEYS) || document.querySelector('dialog[open]')) return
      if (event.key === ' ' && target?.closest('button, summary, a')) return
      const handler = handlers[event.key]
      if (handler === undefined) return
      event.preventDefault()
      handler()
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}
