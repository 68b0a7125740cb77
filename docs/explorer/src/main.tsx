/** Where the page begins. */
import { render } from 'preact'
import { App } from './app.tsx'
// In this order: what is for small and for large screens overrules the rest.
import './style/page.css'
import './style/steps-and-actions.css'
import './style/panels.css'
import './style/pages.css'
import './style/dialogs.css'
import './style/layout.css'
import { installPalettes } from './theme.ts'

if (window.self !== window.top) document.documentElement.classList.add('framed')
installPalettes()
render(<App />, document.getElementById('app') as HTMLElement)
