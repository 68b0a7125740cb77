/**
 * Finds the scenarios of a file. It is JSON, a set `{ schema, scenarios: [...] }` or one scenario, when
 * its name or its first character says so, and the text notation otherwise.
 */
import { AriesError } from '../common/errors.ts'
import { JsonReader } from './json-reader.ts'
import { type FoundScenario, readScenario } from './load.ts'
import { SCENARIO_SCHEMA } from './scenario.ts'
import { findTextScenarios } from './text/find-text.ts'

/** Whether the text of a file is JSON rather than the text notation. */
export function isJson(text: string, file: string): boolean {
  return file.endsWith('.json') || /^\s*[[{]/.test(text)
}

/**
 * Finds the scenarios in the text of a file. `file` is used in messages.
 * @throws `INVALID_ARGUMENT` when it is neither JSON of this schema nor the text notation
 */
export function findScenarios(text: string, file: string): FoundScenario[] {
  return isJson(text, file) ? findJsonScenarios(text, file) : findTextScenarios(text, file)
}

function findJsonScenarios(text: string, file: string): FoundScenario[] {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new AriesError('INVALID_ARGUMENT', `${file} is not JSON: ${(error as Error).message}`, { file }, error)
  }
  const root = new JsonReader(content, file)
  if (!root.isObject) root.fail(`a set { "schema": "${SCENARIO_SCHEMA}", "scenarios": [...] }, or one scenario`)
  const isSet = root.has('scenarios')
  if (isSet || root.has('schema')) root.get('schema').oneOf([SCENARIO_SCHEMA])
  if (!isSet && !root.has('id')) root.fail('a scenario with an "id", or a set with "scenarios"')
  return (isSet ? root.get('scenarios').list() : [root]).map((found) => {
    const id = found.get('id').text()
    return { id, load: () => readScenario(found.named(`${file}: ${id}`), id) }
  })
}
