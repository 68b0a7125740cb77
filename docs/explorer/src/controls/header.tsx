/** The name, the menu of what can be shown, and the page's own switches. */
import { EXAMPLES } from '../examples.ts'
import type { Explorer } from '../explorer.ts'
import { encodeHash, textbook } from '../session/index.ts'
import type { Place } from '../session/types.ts'
import type { Theme } from '../theme.ts'
import { Icon } from './icon.tsx'

export type DialogName = 'own' | 'share' | 'help'

interface HeaderProps {
  readonly explorer: Explorer
  readonly theme: Theme
  readonly onOpen: (dialog: DialogName) => void
}

const isFramed = window.self !== window.top

export function Header({ explorer, theme, onOpen }: HeaderProps) {
  const { isPredicting, setPredicting, hash } = explorer
  return (
    <header class="page-header">
      <h1>ARIES explorer</h1>
      <Menu explorer={explorer} />
      <button type="button" aria-haspopup="dialog" onClick={() => onOpen('own')}>
        Own scenario…
      </button>
      <button type="button" aria-pressed={isPredicting} class="toggle" onClick={() => setPredicting(!isPredicting)}>
        Predict
      </button>
      <span class="header-end">
        <button type="button" aria-haspopup="dialog" onClick={() => onOpen('share')}>
          Share…
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={theme.name === 'dark' ? 'Light theme' : 'Dark theme'}
          onClick={theme.toggle}
        >
          <Icon name={theme.name === 'dark' ? 'sun' : 'moon'} />
        </button>
        <button type="button" class="quiet" aria-label="Help" aria-haspopup="dialog" onClick={() => onOpen('help')}>
          ?
        </button>
        {isFramed && (
          <a href={`${location.pathname}${hash}`} target="_blank" rel="noopener">
            Open by itself
          </a>
        )}
      </span>
    </header>
  )
}

/** The values of the menu: `example 0`, `scenario S01`, or `own` for what is in neither list. */
function Menu({ explorer }: { readonly explorer: Explorer }) {
  const { content, open } = explorer
  const choose = (value: string) => {
    const [kind, name = ''] = value.split(' ')
    if (kind === 'scenario') open({ kind: 'scenario', id: name })
    else if (kind === 'example') open({ kind: 'actions', actions: EXAMPLES[Number(name)]?.actions ?? [] })
  }
  const value = menuValue(content)
  return (
    <label class="menu">
      <span class="only-read">What to show</span>
      <select name="menu" value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {value === 'own' && (
          <option value="own">{content.kind === 'text' ? 'Your own scenario' : 'Your live session'}</option>
        )}
        <optgroup label="Live sessions: begin, write, crash, restart">
          {EXAMPLES.map(({ title }, index) => (
            <option key={title} value={`example ${index}`}>
              {title}
            </option>
          ))}
        </optgroup>
        <optgroup label="Textbook scenarios">
          {textbook.map(({ id, title }) => (
            <option key={id} value={`scenario ${id}`}>
              {id}: {title}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
}

function menuValue(content: Place['content']): string {
  if (content.kind === 'scenario') return `scenario ${content.id}`
  if (content.kind === 'text') return 'own'
  const same = encodeHash({ content })
  const index = EXAMPLES.findIndex(({ actions }) => encodeHash({ content: { kind: 'actions', actions } }) === same)
  return index === -1 ? 'own' : `example ${index}`
}
