/** The property of histories, for the test and for the campaign. */
import fc from 'fast-check'
import { checkProperty } from '../runs.ts'
import type { Figures } from './figures.ts'
import { MIXES, type Mix } from './levels.ts'
import { runScript } from './run.ts'
import { printScript, type Script, scripts } from './script.ts'

/** Runs scripts with the transactions of a mix, and counts. @throws a report of the first history that must not be */
export function checkHistories(mix: Mix, parameters: fc.Parameters<[Script]>, figures: Figures): Promise<void> {
  const property = fc.asyncProperty(scripts, async (script) => figures.add(await runScript(script, MIXES[mix])))
  return checkProperty(property, parameters, ([script]) => printScript(script))
}
