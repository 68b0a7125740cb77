/** A link to what is shown, the same as a frame for a page of one's own, and the picture as a file. */
import { useState } from 'preact/hooks'
import type { Explorer } from '../explorer.ts'
import { download, pictureOf, pngOf } from '../picture/picture.ts'
import { palettes, type ThemeName } from '../theme.ts'
import { Dialog } from './dialog.tsx'

interface ShareProps {
  readonly explorer: Explorer
  readonly theme: ThemeName
  readonly onClose: () => void
}

export function Share({ explorer, theme, onClose }: ShareProps) {
  const link = location.href.replace(/#.*$/, '') + explorer.hash
  const frame = `<iframe src="${link}" title="ARIES explorer" width="100%" height="700"></iframe>`
  return (
    <Dialog title="Share" onClose={onClose}>
      <Copied label="Link to this step" text={link} />
      <Copied label="Frame for a page of your own" text={frame} />
      <Picture explorer={explorer} theme={theme} />
    </Dialog>
  )
}

function Copied({ label, text }: { readonly label: string; readonly text: string }) {
  const [told, setTold] = useState('')
  const copy = async (event: Event) => {
    const field = (event.currentTarget as HTMLElement).parentElement?.querySelector('input')
    field?.select()
    try {
      await navigator.clipboard.writeText(text)
      setTold('Copied.')
    } catch {
      setTold('The browser does not allow it: copy the marked text.')
    }
  }
  return (
    <div class="copied">
      <label>
        {label}
        <input type="text" readOnly value={text} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <button type="button" onClick={copy}>
        Copy<span class="only-read"> {label}</span>
      </button>
      <span role="status">{told}</span>
    </div>
  )
}

interface PictureProps {
  readonly explorer: Explorer
  readonly theme: ThemeName
}

function Picture({ explorer, theme }: PictureProps) {
  const { step, session, changed, asked } = explorer
  const [problem, setProblem] = useState('')
  if (step === undefined || session === undefined) return null
  const svg = () =>
    pictureOf({ step, changed, palette: palettes[theme], title: session.title, isPredicting: asked !== undefined })
  const name = `aries-step-${step.number + 1}`
  const saveSvg = () => download(new Blob([svg()], { type: 'image/svg+xml' }), `${name}.svg`)
  const savePng = async () => {
    try {
      download(await pngOf(svg()), `${name}.png`)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <div class="copied">
      <span id="picture-label">The picture of this step</span>
      <fieldset class="action-group" aria-labelledby="picture-label">
        <button type="button" data-save="svg" onClick={saveSvg}>
          Save as SVG
        </button>
        <button type="button" data-save="png" onClick={savePng}>
          Save as PNG
        </button>
      </fieldset>
      <span role="status">{problem}</span>
    </div>
  )
}
