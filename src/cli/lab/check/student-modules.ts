/**
 * Loads what a student wrote, TypeScript or JavaScript, so that it can import nothing but its own folder and what
 * the lab gives it: neither the package, in whose source the solutions are, nor Node.
 *
 * Each file becomes a function in a context of its own, which has the language and `console`, and no `process` and
 * no `require` but ours. Types are taken out, line numbers stay. It keeps honest work honest; it is no wall
 * against somebody who wants to break out, and what strangers hand in is to be run where they can do no harm.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { createContext, Script } from 'node:vm'
import { transform } from 'sucrase'

/** What is wrong with what a student wrote, told without a stack trace of ours. */
export class StudentError extends Error {
  override readonly name = 'StudentError'
}

type Exports = Record<string, unknown>
type Wrapper = (exports: Exports, require: (specifier: string) => unknown, module: { exports: Exports }) => void

const ENDINGS = ['', '.ts', '.js', '.mts', '.mjs']

export class StudentModules {
  readonly #directory: string
  readonly #given: Readonly<Record<string, object>>
  readonly #loaded = new Map<string, Exports>()
  readonly #context = createContext({ console }, { name: 'lab', codeGeneration: { strings: false, wasm: false } })

  /** @param given what may be imported besides the files of `directory`, by specifier */
  constructor(directory: string, given: Readonly<Record<string, object>>) {
    this.#directory = realpathSync(directory)
    this.#given = given
  }

  /** What the file exports. @throws `StudentError`, and what it throws itself */
  load(file: string): Exports {
    return this.#loadPath(this.#find(resolve(this.#directory, file), file))
  }

  #loadPath(path: string): Exports {
    const known = this.#loaded.get(path)
    if (known !== undefined) return known
    const module = { exports: {} as Exports }
    this.#loaded.set(path, module.exports)
    const code = `(function (exports, require, module) {${this.#compiled(path)}\n})`
    const wrapper = new Script(code, { filename: path }).runInContext(this.#context) as Wrapper
    wrapper(module.exports, (specifier) => this.#import(specifier, path), module)
    return module.exports
  }

  #compiled(path: string): string {
    const source = readFileSync(path, 'utf8')
    const { name } = this.#place(path)
    try {
      return transform(source, {
        transforms: ['typescript', 'imports'],
        disableESTransforms: true,
        filePath: name,
      }).code
    } catch (error) {
      throw new StudentError((error as Error).message.replace(/^Error transforming /, ''))
    }
  }

  #import(specifier: string, from: string): unknown {
    const given = this.#given[specifier]
    if (given !== undefined) return given
    const { name } = this.#place(from)
    if (/^\.{1,2}\//.test(specifier))
      return this.#loadPath(this.#find(resolve(dirname(from), specifier), specifier, name))
    const allowed = Object.keys(this.#given).join(', ')
    throw new StudentError(
      `${name} imports ${JSON.stringify(specifier)}: a lab may import ${allowed === '' ? '' : `${allowed} and `}files of its own folder only`,
    )
  }

  /** The file that a path means; never one outside of the folder, whatever links there are. */
  #find(path: string, specifier: string, from?: string): string {
    const says = from === undefined ? '' : `${from} imports ${JSON.stringify(specifier)}: `
    const candidates = ENDINGS.flatMap((ending) => [`${path}${ending}`, path.replace(/\.js$/, ending)])
    const found = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile())
    if (found === undefined) throw new StudentError(`${says}there is no file ${this.#place(path).name}`)
    const real = realpathSync(found)
    if (this.#place(real).isOutside) {
      throw new StudentError(`${says}${basename(real)} is outside of the lab's folder, where the solutions may be`)
    }
    return real
  }

  #place(path: string): { readonly name: string; readonly isOutside: boolean } {
    const name = relative(this.#directory, path)
    return { name, isOutside: name === '..' || name.startsWith(`..${sep}`) || isAbsolute(name) }
  }
}

/** Where in the student's files an error comes from, as `undo.ts:57`; undefined when it does not. */
export function placeInFolder(error: unknown, directory: string): string | undefined {
  const stack = String((error as { stack?: unknown } | undefined)?.stack ?? '')
  const folder = `${realpathSync(directory)}${sep}`
  const line = stack.split('\n').find((each) => each.includes(folder))
  return line === undefined
    ? undefined
    : /([^(]+:\d+):\d+\)?$/.exec(line.slice(line.indexOf(folder) + folder.length))?.[1]
}
