/** The folder of one lab: made by `start`, read by `check`. `lab.json` in it says which lab it is. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import packageJson from '../../../package.json' with { type: 'json' }
import { CliError, ExitCode } from '../errors.ts'

const FILE = 'lab.json'

export interface LabFolder {
  readonly lab: string
  /** Of aries-db, when it was made. */
  readonly version: string
  /** What the lab was drawn from, where it is drawn from something. */
  readonly seed?: number
}

/**
 * Makes the folder with its files, by name.
 * @throws `CliError` when there is something already: a student's work is not to be lost
 */
export function makeFolder(
  directory: string,
  lab: Omit<LabFolder, 'version'>,
  files: ReadonlyMap<string, string>,
): void {
  mkdirSync(directory, { recursive: true })
  if (readdirSync(directory).length > 0) {
    throw new CliError(`${directory} is not empty; give a new or an empty directory`, ExitCode.USAGE)
  }
  const { version } = packageJson
  const all = new Map([[FILE, `${JSON.stringify({ ...lab, version }, undefined, 2)}\n`], ...files])
  for (const [name, text] of all) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

/** @throws `CliError` when the directory holds no lab */
export function readFolder(directory: string): LabFolder {
  const file = join(directory, FILE)
  if (!existsSync(file)) {
    throw new CliError(
      `there is no lab in ${directory}: it has no ${FILE}; make one with aries lab start`,
      ExitCode.USAGE,
    )
  }
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LabFolder
  } catch {
    throw new CliError(
      `${file} is no JSON; make the lab anew with aries lab start, in another directory`,
      ExitCode.USAGE,
    )
  }
}
