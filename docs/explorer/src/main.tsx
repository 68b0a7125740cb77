import { render } from 'preact'
import { App } from './app.tsx'
import './style.css'
import { installPalettes } from './theme.ts'

installPalettes()
render(<App />, document.getElementById('app') as HTMLElement)
