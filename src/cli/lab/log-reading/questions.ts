/** The questions on a dump, and their answers, which are what a real restart from it did. */

import { asLsn, NULL_LSN } from '../../../common/ids.ts'
import { randomBelow, randomFrom } from '../../../common/random.ts'
import type { SkipReason } from '../../../common/trace.ts'
import { RecordType } from '../../../log/log-record.ts'
import { lowWaterMark } from '../../../recovery/checkpoint.ts'
import type { CrashRun } from './crash-run.ts'

export interface Question {
  readonly title: string
  /** What is asked, and how the answer is written. */
  readonly text: readonly string[]
  readonly points: number
  /** A list counts in its order; otherwise only what is in it. */
  readonly isOrdered: boolean
  readonly answer: readonly string[]
}

const REASON_NUMBERS: Readonly<Record<SkipReason, number>> = {
  'not-redoable': 1,
  'not-in-dpt': 2,
  'lsn<recLsn': 3,
  'pageLsn>=lsn': 4,
  'page-damaged': 5,
}
const DECISIONS_ASKED = 10
const ROWS_ASKED = 5

export function questionsOn(run: CrashRun, seed: number): Question[] {
  const random = randomFrom(seed)
  const { events, records } = run
  const analysis = only(run, 'analysis')
  const undone = all(run, 'undone')
  const losers = all(run, 'rolled-back').map(({ txnId }) => txnId)
  const redone = new Map<number, string>([
    ...all(run, 'redone').map(({ lsn }) => [lsn, 'yes'] as const),
    ...all(run, 'redo-skipped').map(({ lsn, reason }) => [lsn, String(REASON_NUMBERS[reason])] as const),
  ])
  const changes = records.filter(
    ({ type, lsn }) => redone.has(lsn) && (type === RecordType.UPDATE || type === RecordType.CLR),
  )
  const asked = sample(changes, DECISIONS_ASKED, random).map(({ lsn }) => lsn)
  const rows = sample(run.rows, ROWS_ASKED, random)
  const firstLsns = analysis.transactions.map(({ txnId }) =>
    asLsn(records.find((record) => record.txnId === txnId)?.lsn ?? NULL_LSN),
  )
  const recLsns = analysis.dirtyPages.map(({ recLsn }) => recLsn)
  const ended = events.flatMap((event) =>
    event.kind === 'winner-ended' || event.kind === 'rolled-back' ? [`T${event.txnId}`] : [],
  )
  const list = (lsns: readonly number[]): string => lsns.join(', ')
  return [
    question('Where does analysis begin to read?', ['One LSN.'], 5, [String(analysis.startLsn)]),
    question(
      'The transaction table at the end of analysis, before anything is appended',
      ['A row each: transaction status lastLSN undoNextLSN, as in  T4 running 3928 3424'],
      15,
      analysis.transactions.map(
        ({ txnId, status, lastLsn, undoNextLsn }) => `T${txnId} ${status} ${lastLsn} ${undoNextLsn}`,
      ),
    ),
    question(
      'The dirty page table at the end of analysis',
      ['A row each: page recLSN, as in  7 2904'],
      15,
      analysis.dirtyPages.map(({ pageId, recLsn }) => `${pageId} ${recLsn}`),
    ),
    question(
      'Which transactions are losers?',
      ['As in  T4, T5'],
      5,
      losers.map((id) => `T${id}`),
    ),
    question('Where does redo begin to read?', ['One LSN.'], 5, [String(only(run, 'redo-start').lsn)]),
    question(
      `Are these records redone: ${list(asked)}?`,
      [
        'For each: LSN yes, or LSN and the number of the first reason why not, as in  3800 4',
        '  1 it changes no page   2 its page is not in the dirty page table   3 LSN < recLSN   4 pageLSN >= LSN',
      ],
      20,
      asked.map((lsn) => `${lsn} ${redone.get(lsn)}`),
    ),
    question(
      'Which records does undo compensate, in its order?',
      ['LSNs.'],
      12,
      undone.map(({ lsn }) => String(lsn)),
      true,
    ),
    question(
      'The undoNextLSN of each CLR that undo writes, in its order',
      ['LSNs; - where nothing is left.'],
      8,
      undone.map(({ undoNextLsn }) => (undoNextLsn === NULL_LSN ? '-' : String(undoNextLsn))),
      true,
    ),
    question('Which transactions get an END by restart?', ['As in  T4, T5'], 5, ended),
    question(
      `What do these rows hold after restart: ${rows.map(({ key }) => `'${key}'`).join(', ')}?`,
      ["All of them held 'old', or were not there, before the log begins. For each: key old, key new, or key none"],
      5,
      rows.map(({ key, value }) => `${key} ${value === undefined ? 'none' : value.split(' ')[0]}`),
    ),
    question(
      'From which LSN on must the log be kept, as things stand at the crash?',
      ['One LSN. The checkpoint, the oldest recLSN and the first record of every transaction in the table count.'],
      5,
      [String(lowWaterMark(analysis.startLsn, recLsns, firstLsns).lsn)],
    ),
  ]
}

function question(
  title: string,
  text: readonly string[],
  points: number,
  answer: readonly string[],
  isOrdered = false,
): Question {
  return { title, text, points, isOrdered, answer }
}

type Kind = CrashRun['events'][number]['kind']
type EventOf<K extends Kind> = Extract<CrashRun['events'][number], { readonly kind: K }>

const all = <K extends Kind>({ events }: CrashRun, kind: K): EventOf<K>[] =>
  events.filter((event): event is EventOf<K> => event.kind === kind)

function only<K extends Kind>(run: CrashRun, kind: K): EventOf<K> {
  const [found] = all(run, kind)
  if (found === undefined) throw new Error(`restart tells of ${kind}`)
  return found
}

/** Some of them, in their order. */
function sample<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = items.map((_, index) => index)
  const chosen = new Set<number>()
  while (chosen.size < Math.min(count, items.length))
    chosen.add(left.splice(randomBelow(random, left.length), 1)[0] as number)
  return items.filter((_, index) => chosen.has(index))
}
