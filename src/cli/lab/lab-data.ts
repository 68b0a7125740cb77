/** What the labs are made of: skeletons, scenarios, boxes and texts, put beside the program when the package is built. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { CliError } from '../errors.ts'

export class LabData {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** Of the program in this file. */
  static of(programFile: string): LabData {
    return new LabData(join(dirname(programFile), 'lab'))
  }

  /** @throws `CliError` when the package was not built */
  text(name: string): string {
    return this.#read(name).toString('utf8')
  }

  /** The text of a file that is kept compressed. */
  packed(name: string): string {
    return brotliDecompressSync(this.#read(`${name}.br`)).toString('utf8')
  }

  #read(name: string): Buffer {
    const file = join(this.directory, name)
    if (existsSync(file)) return readFileSync(file)
    throw new CliError(`${file} is missing: the labs are there in the built package; run npm run build`)
  }
}
