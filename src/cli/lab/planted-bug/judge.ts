/** Judges a crash test by what it says of a box and of the sound engine. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StudentError, StudentModules } from '../check/student-modules.ts'
import type { Box, BoxArchive } from './archive.ts'
import { nameOfBox } from './test-file.ts'

/** A test that takes longer, on a simulated disk, waits for what does not come. */
const TEST_MS_MAX = 120_000
const ALIVE_MS = 1000

type Test = (engine: object) => unknown

/** What a test said: how it failed, or nothing when it passed. */
type Verdict = string | undefined

interface Hunt {
  readonly found: readonly string[]
  readonly named: readonly string[]
}

export class BoxJudge {
  readonly #directory: string
  readonly #archive: BoxArchive
  readonly #boxes: readonly Box[]
  readonly #hunts = new Map<number, Promise<Hunt>>()
  #sound: Promise<object> | undefined

  constructor(directory: string, archive: BoxArchive, boxes: readonly Box[]) {
    this.#directory = directory
    this.#archive = archive
    this.#boxes = boxes
  }

  /** What is wrong with the test for the box; it is run once for both questions. */
  async judge(number: number, question: keyof Hunt, isAlive: () => void): Promise<readonly string[]> {
    const known = this.#hunts.get(number) ?? this.#hunt(number, isAlive)
    this.#hunts.set(number, known)
    return (await known)[question]
  }

  async #hunt(number: number, isAlive: () => void): Promise<Hunt> {
    const name = nameOfBox(number)
    const notFound = (complaint: string): Hunt => ({ found: [complaint], named: ['counts when the bug is found'] })
    let student: { readonly test: Test; readonly invariant: unknown }
    try {
      student = this.#load(`${name}.ts`)
    } catch (error) {
      return notFound(messageOf(error))
    }
    const box = this.#boxes[number - 1] as Box
    const onBox = await verdictOf(student.test, await engineOf(box.code), isAlive)
    if (onBox === undefined) return notFound(`the test passes on ${name}: it does not meet what is wrong there`)
    this.#sound ??= engineOf(this.#archive.sound)
    const onSound = await verdictOf(student.test, await this.#sound, isAlive)
    if (onSound !== undefined) {
      return notFound(`the test fails on the sound engine too, so it asks for what no engine promises: ${onSound}`)
    }
    const isNamed = (box.invariants as readonly unknown[]).includes(student.invariant)
    return {
      found: [],
      named: isNamed
        ? []
        : [`it breaks another invariant than ${String(student.invariant)}; what your test saw: ${onBox}`],
    }
  }

  #load(file: string): { readonly test: Test; readonly invariant: unknown } {
    if (!existsSync(join(this.#directory, file))) throw new StudentError(`${file} is missing`)
    const modules = new StudentModules(this.#directory, { 'node:assert': assert, 'node:assert/strict': assert })
    const { test, invariant } = modules.load(file)
    if (typeof test !== 'function') throw new StudentError(`${file} must export a function named test`)
    return { test: test as Test, invariant }
  }
}

/** The module in a box. Its text goes to a file for as long as it takes to load it: Node imports nothing else. */
async function engineOf(code: string): Promise<object> {
  const directory = mkdtempSync(join(tmpdir(), 'aries-box-'))
  try {
    const file = join(directory, 'box.mjs')
    writeFileSync(file, code)
    return (await import(pathToFileURL(file).href)) as object
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function verdictOf(test: Test, engine: object, isAlive: () => void): Promise<Verdict> {
  const pulse = setInterval(isAlive, ALIVE_MS)
  let limit: NodeJS.Timeout | undefined
  const late = new Promise<Verdict>((resolve) => {
    limit = setTimeout(() => resolve('it does not end'), TEST_MS_MAX)
  })
  const run = async (): Promise<Verdict> => {
    try {
      await test(engine)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }
  try {
    return await Promise.race([run(), late])
  } finally {
    clearInterval(pulse)
    clearTimeout(limit)
  }
}

/** What was thrown, without the timeline that a failed crash test goes on with. */
function messageOf(error: unknown): string {
  const message = String((error as { message?: unknown } | undefined)?.message ?? error)
  return (message.split('\n\n')[0] as string).trim()
}
