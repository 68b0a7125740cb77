/** How the program ends: its exit codes, and the errors that are the user's to mend. */

export const ExitCode = {
  OK: 0,
  /** The command ran, and what it looked at is not as it should be. */
  PROBLEMS: 1,
  USAGE: 2,
  /** The command could not be carried out. */
  FAILED: 3,
  /** A bug in the program itself. */
  BUG: 70,
} as const

export const EXIT_CODE_HELP = `
Exit codes:
  0    all is well
  1    problems were found: damage, or a violation in the demo
  2    wrong usage: an unknown command or option, an argument that does not fit
  3    the command could not be carried out: no database there, in use, disk full, ...
  70   a bug in aries itself
  130  interrupted by Ctrl-C (143 by SIGTERM)`

/** Something the user can mend: shown as one line, without a stack trace. */
export class CliError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = ExitCode.FAILED) {
    super(message)
    this.exitCode = exitCode
  }
}
