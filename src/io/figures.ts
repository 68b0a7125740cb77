/**
 * What a process tells others about a database that it has open, while it has it open: `aries stats` asks.
 *
 * ```
 *   who asks                                          who has it open
 *      ---- connects; the secret of the lock file, '\n' ---->
 *      <--- one line of JSON, then the end ------------------
 * ```
 *
 * It costs the process that is asked nothing while nobody asks: no timer, no file, no thread; figures are gathered
 * for an answer and not before. And it cannot be disturbed: so many may ask at a time, each may send so many bytes
 * and take so long, none keeps the process alive, and no error of theirs goes anywhere.
 *
 * An abstract socket belongs to no user. So who asks has to know the secret, which is in the directory: who can read
 * the figures is who can read the database.
 */
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { addressOf, LOCK_FILE, readLockFile } from './lock-file.ts'

/** Gathers what is told. */
export type Figures = () => object

const ASKERS_MAX = 8
const REQUEST_BYTES_MAX = 64
const REQUEST_MS_MAX = 1_000
/** Far more than there are figures. */
const ANSWER_BYTES_MAX = 1 << 20

/** Answers those who ask, once there is something to tell. */
export class FiguresTeller {
  readonly secret = randomUUID()
  /** What is told. Until there is something, nobody gets an answer. */
  figures: Figures | undefined

  /** A server whose connections are answered. It keeps no process alive; where it listens is up to the caller. */
  makeServer(): Server {
    const server = createServer((socket) => this.#hear(socket)).unref()
    server.maxConnections = ASKERS_MAX
    // Such as that the process has too many files open for another connection.
    server.on('error', () => {})
    return server
  }

  #hear(socket: Socket): void {
    let request = ''
    socket.unref().setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy())
    socket.on('data', (text: string) => {
      request += text
      if (request === `${this.secret}\n`) this.#answer(socket)
      else if (request.length > REQUEST_BYTES_MAX || request.includes('\n')) socket.destroy()
    })
  }

  #answer(socket: Socket): void {
    try {
      const figures = this.figures?.()
      if (figures === undefined) socket.destroy()
      else socket.end(`${JSON.stringify({ pid: process.pid, ...figures })}\n`)
    } catch {
      socket.destroy()
    }
  }
}

/**
 * Has `teller` answer where the lock is no socket that could do so. The caller holds the lock, so what lies at the
 * address is left over from a process that died. Returns how to end it; without a place to listen nobody can ask.
 */
export function tellElsewhere(teller: FiguresTeller, directory: string, platform: NodeJS.Platform): () => void {
  const server = teller.makeServer()
  try {
    const address = addressOf(directory, platform)
    rmSync(address, { force: true })
    server.listen({ path: address, exclusive: true })
  } catch {
    // Nobody has to be able to ask.
  }
  return () => server.close()
}

/**
 * The answer of the process that has the database in `directory` open, parsed; `closed` when there is none that
 * could be asked, `silent` when it does not answer within `timeoutMs`: it is busy, or has nothing to tell.
 */
export async function askForFigures(
  directory: string,
  timeoutMs: number,
  platform: NodeJS.Platform = process.platform,
): Promise<object | 'closed' | 'silent'> {
  const secret = readLockFile(join(directory, LOCK_FILE))?.secret
  if (secret === undefined) return 'closed'
  const address = addressOf(directory, platform)
  return new Promise((resolve) => {
    let isHeard = false
    let answer = ''
    const socket = connect(address).setEncoding('utf8').setTimeout(timeoutMs)
    socket.once('connect', () => {
      isHeard = true
      socket.write(`${secret}\n`)
    })
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > ANSWER_BYTES_MAX) socket.destroy()
    })
    socket.once('timeout', () => socket.destroy())
    socket.once('error', () => socket.destroy())
    socket.once('close', () => resolve(isHeard ? (parsed(answer) ?? 'silent') : 'closed'))
  })
}

function parsed(answer: string): object | undefined {
  try {
    const value: unknown = JSON.parse(answer)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
