/**
 * Makes the skeleton of the lab "write recovery" from the source of the engine, so that the two cannot drift
 * apart: a file of the lab is the engine's own, with the bodies of some functions missing, without what is of
 * no use to the exercise, and with one import in the place of many.
 *
 *     src/recovery/redo.ts                          redo.ts of the lab
 *     import { assert } from '../common/...'        import { asLsn, type LogReader, ... } from './engine.js'
 *     import { type LogReader } from '../log/...'
 *     class Redo {                                  class Redo {
 *       #skipReason(record) {                         #skipReason(record) {
 *         if (record.pageId === NO_PAGE ...             // what it has to do
 *                                                       return notWritten('Redo.#skipReason')
 *       }                                             }
 *     }                                             }
 *
 * The source is formatted, which is all that this knows of the language: a body begins behind the line that
 * ends with an opening brace, and ends with the closing brace that stands as far in as its function does.
 */

/** A function that the student is to write. */
export interface Gap {
  /** As people call it: `oldestOf`, `Redo.#skipReason`. */
  readonly name: string
  /** What it has to do, in the place of the body. */
  readonly hint: readonly string[]
}

export interface SkeletonPlan {
  readonly gaps: readonly Gap[]
  /** Functions at the top level that the exercise has no use for. */
  readonly omitted: readonly string[]
}

const WIDTH_MAX = 116
const IMPORT = /^import (type )?\{([^}]*)\} from '[^']+'\n/gm

/** The file with its gaps open. @throws when the plan names a function that is not there */
export function skeletonOf(source: string, plan: SkeletonPlan): string {
  const solution = solutionOf(source, plan)
  return plan.gaps.reduce((text, { name, hint }) => {
    const indent = `${indentOf(name)}  `
    const lines = [...hint.map((line) => `${indent}// ${line}`), `${indent}return notWritten('${name}')`]
    return withBody(text, name, `${lines.join('\n')}\n`)
  }, solution)
}

/** The same file with nothing missing: what full marks are given for. */
export function solutionOf(source: string, { omitted }: SkeletonPlan): string {
  const kept = omitted.reduce(without, source)
  const names = [...kept.matchAll(IMPORT)].flatMap(([, type, names = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => (type === undefined ? name : `type ${name}`)),
  )
  const text = kept.replaceAll(IMPORT, '')
  // What a left out function was for, the engine gives.
  const given = omitted.filter((name) => isUsed(text, name))
  const used = names.filter((name) => isUsed(text, name.replace(/^type /, '')))
  return withImport(text, [...used, ...given, 'notWritten'])
}

/** What stands in the gaps when they are filled: the reverse of opening them. */
export function bodiesOf(source: string, { gaps }: SkeletonPlan): ReadonlyMap<string, string> {
  return new Map(gaps.map(({ name }) => [name, bodyOf(source, name).text]))
}

/** The file with its gaps filled. */
export function filledIn(skeleton: string, bodies: ReadonlyMap<string, string>): string {
  return [...bodies].reduce((text, [name, body]) => withBody(text, name, body), skeleton)
}

const indentOf = (name: string): string => (name.includes('.') ? '  ' : '')

const isUsed = (text: string, name: string): boolean => new RegExp(`(?<![\\w$#.])${name}(?![\\w$])`).test(text)

/** Puts the one import behind the essay that the file begins with. */
function withImport(text: string, names: readonly string[]): string {
  const sorted = [...new Set(names)].sort((a, b) => compare(a.replace(/^type /, ''), b.replace(/^type /, '')))
  const lines: string[] = []
  for (const name of sorted) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + name.length + 2 <= WIDTH_MAX) lines[lines.length - 1] = `${last} ${name},`
    else lines.push(`  ${name},`)
  }
  const [essay, rest] = split(text, text.indexOf('*/\n') + 3)
  return `${essay}import {\n${lines.join('\n')}\n} from './engine.js'\n\n${rest.trimStart()}`
}

const compare = (a: string, b: string): number => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)

const split = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at)]

interface Body {
  readonly start: number
  readonly end: number
  readonly text: string
}

function headOf(source: string, name: string): RegExpExecArray {
  const indent = indentOf(name)
  const own = (name.split('.')[1] ?? name).replace('#', '\\#')
  const keyword = indent === '' ? '(export )?function\\*? ' : ''
  const head = new RegExp(`^${indent}${keyword}${own}[(<]`, 'm').exec(source)
  if (head === null) throw new Error(`the source has no function ${name}`)
  return head
}

function bodyOf(source: string, name: string): Body {
  const head = headOf(source, name)
  const start = source.indexOf(' {\n', head.index) + 3
  const end = source.indexOf(`\n${indentOf(name)}}\n`, start) + 1
  return { start, end, text: source.slice(start, end) }
}

function withBody(source: string, name: string, body: string): string {
  const { start, end } = bodyOf(source, name)
  return source.slice(0, start) + body + source.slice(end)
}

/** Leaves out a function with the comment above it. */
function without(source: string, name: string): string {
  const { end } = bodyOf(source, name)
  const before = source.slice(0, headOf(source, name).index)
  const comment = before.lastIndexOf('\n/**')
  const isItsOwn = before.slice(comment).trimEnd().endsWith('*/') && before.slice(comment).split('*/').length === 2
  return before.slice(0, isItsOwn ? comment : before.length) + source.slice(end + '}\n'.length)
}
