/** Where the page begins. */
import { render } from 'preact'
import { App } from './app.tsx'
import './style.css'
import { installPalettes } from './theme.ts'

if (window.self !== window.top) document.documentElement.classList.add('framed')
installPalettes()
render(<App />, document.getElementById('app') as HTMLElement)
