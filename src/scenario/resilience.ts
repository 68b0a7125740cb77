/**
 * What must hold of every restart, whatever a scenario says (I7, I15, I16):
 *
 * - restart of a recovered store changes nothing and appends nothing, whether or not any page had been
 *   written;
 * - a power cut after any record that restart appends, followed by another restart, ends with the same
 *   content, and compensates each record once. Each cut is tried with no page written, and with every
 *   page written that the WAL rule allows.
 */
import { asLsn, type Lsn } from '../common/ids.ts'
import { alignRecord } from '../log/log-record.ts'
import { ENGINE_PASSES, type Passes } from '../recovery/passes.ts'
import type { Built } from './build.ts'
import { type Difference, differences } from './difference.ts'
import type { Names } from './names.ts'
import { outcomeOf } from './outcome.ts'
import { type Observation, recover } from './recover.ts'
import { cutStore, LOG_START_LSN, readLog, type Store } from './store.ts'

/** Checks the store of `built` after a recovery that did `seen`; `path` says which it was. */
export function checkResilience(
  built: Built,
  seen: Observation,
  path: string,
  passes: Passes = ENGINE_PASSES,
): Difference[] {
  const { store, names } = built
  const wanted = contentOf(store, seen, names)
  const found: Difference[] = differences(`${path} left`, { transactions: 0, pins: 0 }, seen.left)
  const logEnd = seen.appended.reduce((_, record) => endOf(record), seen.endLsn)
  for (const [how, flushed] of [
    ['unwritten', new Map()],
    ['written', seen.pages],
  ] as const) {
    const again = recover(cutStore(store, logEnd, flushed), passes)
    found.push(
      ...differences(`${path} again, pages ${how}: appended`, 0, again.appended.length),
      ...differences(
        `${path} again, pages ${how}: pages`,
        shownPages(seen, names, true),
        shownPages(again, names, true),
      ),
    )
  }
  for (const [i, record] of seen.appended.entries()) {
    const endLsn = endOf(record)
    const writable = new Map([...seen.pages].filter(([, { pageLsn }]) => pageLsn < endLsn))
    for (const [how, flushed] of [
      ['unwritten', new Map()],
      ['written', writable],
    ] as const) {
      const cut = cutStore(store, endLsn, flushed)
      const after = contentOf(cut, recover(cut, passes), names)
      found.push(...differences(`${path} cut after appended record ${i}, pages ${how}`, wanted, after))
    }
  }
  return found
}

function endOf({ lsn, length }: { readonly lsn: Lsn; readonly length: number }): Lsn {
  return asLsn(lsn + alignRecord(length))
}

/** What must come out the same however often restart was interrupted. */
function contentOf(store: Store, seen: Observation, names: Names): unknown {
  const { committed, rolledBack, compensated } = outcomeOf(readLog(store, LOG_START_LSN))
  const named = (ids: typeof committed): string[] => ids.map((id) => names.transactions.name(id)).sort(byName)
  return {
    pages: shownPages(seen, names, false),
    committed: named(committed),
    rolledBack: named(rolledBack),
    compensated,
  }
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function shownPages({ pages }: Observation, names: Names, withLsn: boolean): Record<string, unknown> {
  return Object.fromEntries(
    [...pages].map(([pageId, { pageLsn, slots }]) => {
      const data = Object.fromEntries(slots)
      return [names.pages.name(pageId), withLsn ? { pageLsn, data } : data]
    }),
  )
}
