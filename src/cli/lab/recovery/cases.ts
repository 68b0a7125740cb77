/** The cases of the lab "write recovery": which there are, what they count, and how one is judged. */
import { NULL_LSN } from '../../../common/ids.ts'
import type { LogManager } from '../../../log/log-manager.ts'
import type { Passes } from '../../../recovery/passes.ts'
import { findScenarios } from '../../../scenario/find.ts'
import type { RestartScenario, RollbackScenario, Scenario } from '../../../scenario/scenario.ts'
import type { LabCase, LabPart } from '../check/report.ts'
import { placeInFolder, StudentError, StudentModules } from '../check/student-modules.ts'
import { isRestart } from './attempts.ts'
import { CRASH_CASES, judgeCrashes } from './crash-cases.ts'
import * as engine from './engine.ts'
import { judgeAnalysis } from './judge-analysis.ts'
import { judgeRedo } from './judge-redo.ts'
import { judgeRollback, judgeUndo } from './judge-undo.ts'

export const RECOVERY_PARTS: readonly LabPart[] = [
  { id: 'analysis', title: 'analysis.ts: both tables after every record', points: 30 },
  { id: 'redo', title: 'redo.ts: which records are redone, and why not', points: 25 },
  { id: 'undo', title: 'undo.ts: CLRs, their undoNextLSN, crashes inside restart', points: 30 },
  { id: 'crash', title: 'the engine with all three, crashed', points: 15 },
]

type Judge = (student: StudentPasses, isAlive: () => void) => string[] | Promise<string[]>

export interface RecoveryCase extends LabCase {
  readonly judge: Judge
}

/** All cases. `scenarios` is the text of the golden scenarios. */
export function recoveryCases(scenarios: string): RecoveryCase[] {
  const all = findScenarios(scenarios, 'scenarios.json').map((found) => found.load())
  const restarts = all.filter(isRestart)
  const whole = restarts.filter(({ kind }) => kind === 'restart')
  const rollbacks = all.filter((scenario): scenario is RollbackScenario => scenario.kind === 'rollback')
  return [
    ...restarts.map((scenario) => caseOf('analysis', scenario, (passes) => analysisOf(passes, scenario))),
    ...whole.map((scenario) => caseOf('redo', scenario, (passes) => redoOf(passes, scenario))),
    ...whole.map((scenario) => caseOf('undo', scenario, (passes) => undoOf(passes, scenario))),
    ...rollbacks.map((scenario) => caseOf('undo', scenario, (passes) => rollbackOf(passes, scenario))),
    ...CRASH_CASES.map((test) => ({
      id: `crash ${test.id}`,
      part: 'crash',
      title: test.title,
      judge: async (student: StudentPasses, isAlive: () => void) => {
        const missing = student.missing
        if (missing !== undefined) return [missing]
        return judgeCrashes(test, student.all, (error) => student.describe(error), isAlive)
      },
    })),
  ]
}

function caseOf(part: string, { id, title }: Scenario, judge: Judge): RecoveryCase {
  return { id: `${part} ${id}`, part, title, judge }
}

const analysisOf = (student: StudentPasses, scenario: RestartScenario): string[] =>
  student.with('analyse', (analyse) => judgeAnalysis(scenario, analyse, (error) => student.describe(error)))
const redoOf = (student: StudentPasses, scenario: RestartScenario): string[] =>
  student.with('Redo', (Redo) => judgeRedo(scenario, Redo, (error) => student.describe(error)))
const undoOf = (student: StudentPasses, scenario: RestartScenario): string[] =>
  student.with('Rollback', (Rollback) => judgeUndo(scenario, Rollback, (error) => student.describe(error)))
const rollbackOf = (student: StudentPasses, scenario: RollbackScenario): string[] =>
  student.with('Rollback', (Rollback) => judgeRollback(scenario, Rollback, (error) => student.describe(error)))

const FILES = { analyse: 'analysis.ts', Redo: 'redo.ts', Rollback: 'undo.ts' } as const
type PassName = keyof typeof FILES

/** More often than this no rollback looks at one record in a row. */
const READS_IN_A_ROW_MAX = 1000

/** The most frequent endless loop is told at once: undo that looks at one record for ever. */
function watched(name: PassName, pass: object): object {
  if (name !== 'Rollback') return pass
  const Student = pass as Passes['Rollback']
  return class extends Student {
    constructor(...args: ConstructorParameters<Passes['Rollback']>) {
      countReads(args[0].log)
      super(...args)
    }
  }
}

function countReads(log: LogManager): void {
  const read = log.read.bind(log)
  let last = NULL_LSN
  let times = 0
  log.read = (lsn) => {
    times = lsn === last ? times + 1 : 0
    last = lsn
    if (times < READS_IN_A_ROW_MAX) return read(lsn)
    throw new StudentError(`undo reads the record at LSN ${lsn} again and again: entry.undoNextLsn has to move on`)
  }
}

/** The passes in a folder. One that cannot be used does not keep the others from being judged. */
export class StudentPasses {
  readonly #directory: string
  readonly #passes: { [Name in PassName]?: Passes[Name] } = {}
  readonly #problems = new Map<PassName, string>()

  constructor(directory: string) {
    this.#directory = directory
    const modules = new StudentModules(directory, { './engine.js': engine })
    for (const name of Object.keys(FILES) as PassName[]) this.#load(modules, name)
  }

  #load(modules: StudentModules, name: PassName): void {
    const file = FILES[name]
    try {
      const found = modules.load(file)[name]
      if (typeof found === 'function') Object.assign(this.#passes, { [name]: watched(name, found) })
      else this.#problems.set(name, `${file} must export ${name}, as the skeleton does`)
    } catch (error) {
      this.#problems.set(name, this.describe(error))
    }
  }

  /** What `judge` says of a pass, or why it cannot. */
  with<Name extends PassName>(name: Name, judge: (pass: Passes[Name]) => string[]): string[] {
    const pass = this.#passes[name] as Passes[Name] | undefined
    return pass === undefined ? [this.#problems.get(name) as string] : judge(pass)
  }

  /** Why the three cannot be run together. */
  get missing(): string | undefined {
    return [...this.#problems.values()][0]
  }

  get all(): Passes {
    return this.#passes as Passes
  }

  /** An error in words: what was thrown, and by which line of the student's. */
  describe(error: unknown): string {
    const message = String((error as { message?: unknown } | undefined)?.message ?? error)
    if (error instanceof StudentError || error instanceof engine.NotWritten) return message
    const place = placeInFolder(error, this.#directory)
    const name = String((error as { name?: unknown } | undefined)?.name ?? 'Error')
    const kind = name === 'Error' ? '' : `${name}: `
    return place === undefined ? `${kind}${message}` : `${kind}${message} (${place})`
  }
}
