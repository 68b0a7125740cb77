/** What the verb `aries lab` asks of each lab. */
import { CliError, ExitCode } from '../errors.ts'
import type { LabCase, LabReport } from './check/report.ts'
import type { LabJob } from './check/worker-process.ts'
import type { LabFolder } from './folder.ts'
import type { LabData } from './lab-data.ts'

export interface StartOptions {
  readonly seed?: number
  readonly sealed?: boolean
}

export interface StartContext {
  readonly directory: string
  readonly data: LabData
  readonly options: StartOptions
}

export interface CheckContext {
  readonly directory: string
  readonly folder: LabFolder
  readonly data: LabData
  readonly programFile: string
  /** Only the cases whose id has this in it. */
  readonly only: string | undefined
  /** What the lab was drawn from, where its folder does not say. */
  readonly seed: number | undefined
  readonly onProgress: (done: number, total: number) => void
}

export interface Lab {
  readonly id: string
  readonly title: string
  /** Whether it is drawn from a seed, so that every student has another one. */
  readonly isDrawn: boolean
  /** Makes the folder; returns what to say of it. */
  start(context: StartContext): Promise<readonly string[]>
  check(context: CheckContext): Promise<LabReport>
  /** Judges cases in the worker's process, for a lab that runs what the student wrote. */
  work?(job: LabJob, data: LabData): Promise<void>
  /** The answers, for the teacher. */
  key(data: LabData, seed: number | undefined): Promise<readonly string[]>
}

/** The cases that have `only` in their names. @throws `CliError` when there is none */
export function casesWith<Case extends LabCase>(cases: readonly Case[], only: string | undefined): readonly Case[] {
  const wanted = cases.filter(({ id }) => only === undefined || id.includes(only))
  if (wanted.length > 0) return wanted
  throw new CliError(`no case has ${JSON.stringify(only)} in its name`, ExitCode.USAGE)
}
