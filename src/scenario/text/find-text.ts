/** Finds the scenarios of a file in the text notation: each begins with a line `scenario ID "title"`. */
import { AriesError } from '../../common/errors.ts'
import { JsonReader } from '../json-reader.ts'
import { type FoundScenario, readScenario } from '../load.ts'
import type { Scenario } from '../scenario.ts'
import { ScenarioDraft } from './draft.ts'
import { type Position, Source, tokenLines } from './lexer.ts'
import { Line, type Positions } from './line.ts'
import { takeLine } from './parser.ts'

const FIRST_LINE = /^\s*scenario(?![\w-])/

/** @throws `INVALID_ARGUMENT` when something stands before the first scenario, or one has no id */
export function findTextScenarios(text: string, file: string): FoundScenario[] {
  const source = new Source(text, file)
  const starts = source.lines.flatMap((line, i) => (FIRST_LINE.test(line) ? [i] : []))
  const before = tokenLines(source, 0, starts[0] ?? source.lines.length)[0]?.[0]
  if (before !== undefined || starts.length === 0) {
    source.fail(before ?? { line: 1, column: 1 }, 'expected a line \'scenario ID "title"\'; a scenario begins with it')
  }
  return starts.map((start, i) => {
    const id = readId(source, start)
    return { id, load: () => parse(source, start, starts[i + 1] ?? source.lines.length, id) }
  })
}

function readId(source: Source, index: number): string {
  const line = new Line(source, tokenLines(source, index, index + 1)[0] ?? [])
  line.keyword('scenario')
  return line.name('the id of the scenario')
}

function parse(source: Source, from: number, to: number, id: string): Scenario {
  const draft = new ScenarioDraft(source)
  for (const tokens of tokenLines(source, from, to)) takeLine(draft, new Line(source, tokens))
  const value = draft.finish()
  try {
    return readScenario(new JsonReader(value, ''), id)
  } catch (error) {
    if (!AriesError.is(error)) throw error
    const { place, complaint } = error.details as { place: string; complaint: string }
    source.fail(positionOf(draft.positions, place, from), `${place.replace(/^.*\./, '')} ${complaint}`)
  }
}

/** Where a place of the scenario was written, or else what it is part of. */
function positionOf(positions: Positions, place: string, firstLine: number): Position {
  const isOfPlace = (key: string): boolean => place.startsWith(key) && /^[.[]?$/.test(place.charAt(key.length))
  const found = [...positions.keys()].filter(isOfPlace).sort((a, b) => b.length - a.length)[0]
  return (found === undefined ? undefined : positions.get(found)) ?? { line: firstLine + 1, column: 1 }
}
