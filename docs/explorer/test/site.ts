/** The built explorer on a port of this machine, and a browser to open it in. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
}

/** Under a path of its own, so that an absolute address in the build would be noticed. */
const BASE_PATH = '/some/where/explorer/'

export interface Site {
  readonly url: string
  close(): Promise<void>
}

export async function serve(): Promise<Site> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const inside = path.startsWith(BASE_PATH) ? path.slice(BASE_PATH.length) || 'index.html' : undefined
    const file = inside === undefined ? undefined : join(DIST, normalize(inside))
    if (file === undefined || !file.startsWith(DIST) || !existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
    response.end(readFileSync(file))
  })
  const port = await listening(server)
  return {
    url: `http://localhost:${port}${BASE_PATH}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, 'localhost', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? CHROMIUM.find((path) => existsSync(path))
  if (executablePath === undefined)
    throw new Error('no Chromium: install it (apt-get install chromium) or name it in CHROMIUM')
  return await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
