/** The seed that a lab is drawn from. */
import { CliError, ExitCode } from '../errors.ts'

/** Large enough that nobody finds it by trying all; and it can be typed. */
const SEEDS = 2 ** 40

export const drawSeed = (): number => 1 + Math.floor(Math.random() * (SEEDS - 1))

/** @throws `CliError` when a folder does not say it and the teacher has not either */
export function knownSeed(seed: number | undefined): number {
  if (seed !== undefined) return seed
  throw new CliError('this lab is sealed: give the --seed that it was drawn from', ExitCode.USAGE)
}
