/** What is said of a crash and of the end of a restart. */
import type { OpenedParts } from '../../../../src/database/open-on.ts'
import type { Survivors } from './types.ts'

const MEMORY_GONE = 'Everything in memory is gone: the log buffer, the pool, both tables, the locks.'

/** `pending` changes had been written and not synced. */
export function crashSentence(survivors: Survivors, pending: number): string {
  if (survivors === 'kill') return `The process is killed. ${MEMORY_GONE} What the system has been given stays.`
  return `The power fails. ${MEMORY_GONE} ${survivorsSentence(survivors, pending)}`
}

function survivorsSentence(survivors: Exclude<Survivors, 'kill'>, pending: number): string {
  if (pending === 0) return 'All that had been written was synced, and stays.'
  const unsynced = `what had been written and not synced (${pending} ${pending === 1 ? 'change' : 'changes'})`
  if (survivors === 'none') return `Of ${unsynced}, nothing stays.`
  if (survivors === 'all') return `Of ${unsynced}, everything had reached the disk all the same.`
  const torn = survivors.filter(({ parts }) => parts !== undefined).length
  const inPart = torn === 0 ? '' : `, ${torn} of them in part`
  return `Of ${unsynced}, ${survivors.length} had reached the disk${inPart}.`
}

export const deadlockSentence = (name: string): string =>
  `To break the deadlock transaction ${name} has been given up: it is rolled back, and what it waited for is refused. Its user may run it again.`

export function openedSentence({ database }: OpenedParts): string {
  const { analysis, redo, undo } = database.recovery
  return `The database is open again: restart has analysed ${analysis.records} records, redone ${redo.redone} and undone ${undo.clrs}.`
}
