/**
 * The file of answers: a number, a colon, and the answer behind it or in the lines below, items with commas between
 * them or a line each. How somebody writes `T4`, `t4` or `4`, `LSN 520` or `520`, is his own affair.
 */
import type { CaseOutcome, LabCase, LabPart } from '../check/report.ts'
import type { Question } from './questions.ts'

export function answersForm(questions: readonly Question[]): string {
  const blocks = questions.map(({ title, text, points }, index) => {
    const lines = [`# ${title}  (${points} points)`, ...text.map((line) => `#   ${line}`), `${index + 1}:`, '']
    return lines.join('\n')
  })
  const head =
    '# Write your answers behind the colons, or in lines below them. "-" is an empty answer. Lines with # are ignored.\n'
  return `${head}\n${blocks.join('\n')}`
}

/** What is written for each question; undefined where nothing is. */
export function readAnswers(text: string, count: number): (readonly string[] | undefined)[] {
  const found: (string[] | undefined)[] = Array.from({ length: count })
  let current: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue
    const start = /^\s*(\d+)\s*:(.*)$/.exec(line)
    const number = Number(start?.[1])
    if (start !== null && number >= 1 && number <= count) {
      current = []
      found[number - 1] = current
    }
    const items = (start === null ? line : (start[2] as string)).split(/[,;]/).map(plain)
    current?.push(...items.filter((item) => item !== ''))
  }
  return found.map((items) => (items === undefined || items.length === 0 ? undefined : items))
}

/** An item without what does not matter. */
export function plain(text: string): string {
  const words = text
    .toLowerCase()
    .replaceAll(/['"{}()[\]=]/g, ' ')
    .split(/\s+/)
    .filter((word) => !['', 'lsn', 'page', 'lastlsn', 'undonextlsn', 'reclsn', 'undonext', 'none.'].includes(word))
  return words.map((word) => word.replace(/^[tp](?=\d+$)/, '').replace(/^(null|nothing)$/, 'none')).join(' ')
}

/** How a given list of answers compares with the right one: an outcome for each item. */
export function markAnswers(
  questions: readonly Question[],
  given: readonly (readonly string[] | undefined)[],
): { readonly parts: LabPart[]; readonly cases: LabCase[]; readonly outcomes: CaseOutcome[] } {
  const parts: LabPart[] = []
  const cases: LabCase[] = []
  const outcomes: CaseOutcome[] = []
  for (const [index, question] of questions.entries()) {
    const part = `question ${index + 1}`
    parts.push({ id: part, title: `${index + 1}. ${question.title}`, points: question.points })
    for (const [item, complaint] of marksOf(question, given[index]).entries()) {
      const id = `${part}.${item + 1}`
      cases.push({ id, part, title: '' })
      outcomes.push({ id, complaints: complaint === undefined ? [] : [complaint] })
    }
  }
  return { parts, cases, outcomes }
}

/** For each item of the right answer, and for each item too many: what is wrong with it, or nothing. Tells no answers. */
function marksOf({ answer, isOrdered }: Question, given: readonly string[] | undefined): (string | undefined)[] {
  const right = answer.length === 0 ? ['-'] : answer.map(plain)
  if (given === undefined) return right.map(() => 'not answered')
  if (isOrdered) return marksInOrder(right, given)
  const left = [...given]
  const missing = right.filter((item) => {
    const at = left.findIndex((mine) => isSame(mine, item))
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  const found = right.length - missing.length
  // What is wrong stands for what is missing, as long as there is something missing.
  const wrong = left.map((item) => `"${item}" is not right`)
  const lacking = missing.slice(left.length).map(() => 'something is missing')
  return [...Array.from({ length: found }, () => undefined), ...wrong, ...lacking]
}

function marksInOrder(right: readonly string[], given: readonly string[]): (string | undefined)[] {
  const length = Math.max(right.length, given.length)
  return Array.from({ length }, (_, index) => {
    const [wanted, mine] = [right[index], given[index]]
    if (mine === undefined) return 'something is missing'
    if (wanted !== undefined && isSame(mine, wanted)) return undefined
    return `"${mine}" is not right in place ${index + 1}`
  })
}

/** An LSN that is none may be written in several ways. */
function isSame(mine: string, right: string): boolean {
  const none = (text: string): string => text.replaceAll(/(?<!\S)(-|none|0)(?!\S)/g, '-')
  return none(mine) === none(right)
}
