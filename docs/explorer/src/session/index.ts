/** The engine in the browser, step by step: what the panels of the explorer stand on. */
export { actAt } from './act-at.ts'
export { decodeHash, encodeHash } from './hash.ts'
export { runActions } from './live-session.ts'
export { parseScenarioText } from './parse.ts'
export { markPrediction } from './predict.ts'
export { runScenario } from './scenario-session.ts'
export { textbook, textbookScenario, textbookText } from './textbook.ts'
