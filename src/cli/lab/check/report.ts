/** What a check found: points for each part, a grade, and what is wrong, for people and for programs. */
import { coloured, printJson, printLine } from '../../output.ts'

/** A part of a lab, and what it counts. */
export interface LabPart {
  readonly id: string
  readonly title: string
  readonly points: number
}

/** One thing that is looked at. All cases of a part count the same. */
export interface LabCase {
  readonly id: string
  readonly part: string
  readonly title: string
}

/** How a case came out: right when there are no complaints. */
export interface CaseOutcome {
  readonly id: string
  readonly complaints: readonly string[]
}

interface PartReport extends LabPart {
  readonly pointsReached: number
  readonly cases: number
  readonly right: number
  readonly wrong: readonly { readonly id: string; readonly title: string; readonly complaints: readonly string[] }[]
}

export interface LabReport {
  readonly lab: string
  readonly points: number
  readonly pointsMax: number
  readonly grade: string
  readonly parts: readonly PartReport[]
}

const GRADES = [
  ['A', 90],
  ['B', 80],
  ['C', 70],
  ['D', 60],
] as const

export function gradeOf(points: number, pointsMax: number): string {
  const percent = (100 * points) / pointsMax
  return GRADES.find(([, least]) => percent >= least)?.[0] ?? 'F'
}

/** Points are whole, rounded down: all of them only when all is right. */
export function reportOf(
  lab: string,
  parts: readonly LabPart[],
  cases: readonly LabCase[],
  outcomes: readonly CaseOutcome[],
): LabReport {
  const complaintsOf = new Map(outcomes.map(({ id, complaints }) => [id, complaints]))
  const judged = cases.filter(({ id }) => complaintsOf.has(id))
  const partReports = parts.map((part) => {
    const own = judged.filter((each) => each.part === part.id)
    const wrong = own
      .map(({ id, title }) => ({ id, title, complaints: complaintsOf.get(id) ?? [] }))
      .filter(({ complaints }) => complaints.length > 0)
    const right = own.length - wrong.length
    const pointsReached = own.length === 0 ? 0 : Math.floor((part.points * right) / own.length)
    return { ...part, pointsReached, cases: own.length, right, wrong }
  })
  const points = partReports.reduce((sum, { pointsReached }) => sum + pointsReached, 0)
  const pointsMax = parts.reduce((sum, part) => sum + part.points, 0)
  return { lab, points, pointsMax, grade: gradeOf(points, pointsMax), parts: partReports }
}

export const isAllRight = ({ parts }: LabReport): boolean => parts.every(({ wrong }) => wrong.length === 0)

const SHOWN_MAX = 3

interface PrintOptions {
  readonly json?: boolean
  readonly all?: boolean
  /** Only some cases were judged: their points are no mark. */
  readonly only?: string
}

export function printReport(report: LabReport, { json, all, only }: PrintOptions): void {
  if (json) {
    printJson(report)
    return
  }
  for (const part of report.parts) printPart(part, all ? Number.POSITIVE_INFINITY : SHOWN_MAX)
  const { points, pointsMax, grade } = report
  if (only === undefined) printLine(coloured('bold', `${points} of ${pointsMax} points, grade ${grade}`))
}

function printPart({ title, pointsReached, points, right, cases, wrong }: PartReport, shownMax: number): void {
  if (cases === 0) return
  const colour = wrong.length === 0 ? 'green' : 'red'
  printLine(coloured(colour, `${String(pointsReached).padStart(3)} of ${points}  ${title}: ${right} of ${cases} right`))
  const shown = (shownMax < wrong.length ? differentOnes(wrong) : wrong).slice(0, shownMax)
  for (const { id, title: what, complaints } of shown) {
    printLine(`      ${id}  ${what}`.trimEnd())
    for (const complaint of complaints) printLine(complaint.replaceAll(/^/gm, '        '))
  }
  const more = wrong.length - shown.length
  if (more > 0) printLine(`      and ${more} more; --all shows them, --only CASE runs one`)
  printLine()
}

/** One of those that complain of the same: what is not written yet is missing everywhere. */
function differentOnes<T extends { readonly complaints: readonly string[] }>(wrong: readonly T[]): T[] {
  const kinds = new Map<string, T>()
  for (const each of wrong) {
    const text = each.complaints.join('\n')
    const kind = /\S+ is not written yet$/.exec(text)?.[0] ?? text
    if (!kinds.has(kind)) kinds.set(kind, each)
  }
  return [...kinds.values()]
}
