/**
 * The cases of Hermitage, by Martin Kleppmann and contributors (https://github.com/ept/hermitage, read at
 * commit 000346f of 2024-10-14; CC BY 4.0), with what each step of them shows here at each level: nothing
 * if it is done at once and shows nothing, `after` with the step that let it go on if it has to wait, the
 * code of an error, `gone` if an error has ended its transaction before. script.ts says how to read a step.
 *
 * A case has an outcome that is the anomaly, whichever level it runs at.
 */
import type { Isolation } from '../../../src/database/options.ts'
import type { Outcome } from './script.ts'

export const ANOMALIES = ['G0', 'G1a', 'G1b', 'G1c', 'OTV', 'PMP', 'P4', 'G-single', 'G2-item', 'G2'] as const

export interface HermitageCase {
  /** As Hermitage calls it. */
  readonly name: string
  readonly anomaly: (typeof ANOMALIES)[number]
  readonly title: string
  /** A table of the steps and, for each level, what they show. */
  readonly script: string
  /** Whether this is the outcome that must not be. */
  readonly isAnomaly: (outcome: Outcome) => boolean
}

/** What a transaction's steps of one kind have shown, in order. */
const shown = ({ steps }: Outcome, beginning: string): string[] =>
  steps.filter(({ step }) => step.startsWith(beginning)).map((each) => each.shown)

const haveCommitted = ({ committed }: Outcome, ...names: string[]): boolean =>
  names.every((name) => committed.has(name))

/** The states of the two keys that T1 leaves and then T2, in the order in which T3 may see them. */
const OTV_STATES: Readonly<Record<string, number>> = { 10: 0, 20: 0, 11: 1, 19: 1, 12: 2, 18: 2 }

export const CASES: readonly HermitageCase[] = [
  {
    name: 'g0',
    anomaly: 'G0',
    title: 'two transactions write the same two keys',
    script: `
      step        | serializable    | snapshot                    | read-committed
      T1 put 1 11 |                 |                             |
      T2 put 1 12 | after T1 commit | TX_CONFLICT after T1 commit | after T1 commit
      T1 put 2 21 |                 |                             |
      T1 commit   |                 |                             |
      T2 put 2 22 |                 | gone                        |
      T2 commit   |                 | gone                        |`,
    isAnomaly: ({ final }) => final !== '1:11 2:21' && final !== '1:12 2:22',
  },
  {
    name: 'g1a',
    anomaly: 'G1a',
    title: 'a change that is rolled back',
    script: `
      step         | serializable             | snapshot  | read-committed
      T1 put 1 101 |                          |           |
      T2 scan      | 1:10 2:20 after T1 abort | 1:10 2:20 | 1:10 2:20
      T1 abort     |                          |           |
      T2 scan      | 1:10 2:20                | 1:10 2:20 | 1:10 2:20
      T2 commit    |                          |           |`,
    isAnomaly: (outcome) => shown(outcome, 'T2 scan').some((rows) => rows.includes('101')),
  },
  {
    name: 'g1b',
    anomaly: 'G1b',
    title: 'a change that is changed again',
    script: `
      step         | serializable              | snapshot  | read-committed
      T1 put 1 101 |                           |           |
      T2 scan      | 1:11 2:20 after T1 commit | 1:10 2:20 | 1:10 2:20
      T1 put 1 11  |                           |           |
      T1 commit    |                           |           |
      T2 scan      | 1:11 2:20                 | 1:10 2:20 | 1:11 2:20
      T2 commit    |                           |           |`,
    isAnomaly: (outcome) => shown(outcome, 'T2 scan').some((rows) => rows.includes('101')),
  },
  {
    name: 'g1c',
    anomaly: 'G1c',
    title: 'two that read what the other has written',
    script: `
      step        | serializable      | snapshot | read-committed
      T1 put 1 11 |                   |          |
      T2 put 2 22 |                   |          |
      T1 get 2    | 20 after T2 get 1 | 20       | 20
      T2 get 1    | TX_DEADLOCK       | 10       | 10
      T1 commit   |                   |          |
      T2 commit   | gone              |          |`,
    isAnomaly: (outcome) =>
      shown(outcome, 'T1 get')[0] === '22' &&
      shown(outcome, 'T2 get')[0] === '11' &&
      haveCommitted(outcome, 'T1', 'T2'),
  },
  {
    name: 'otv',
    anomaly: 'OTV',
    title: 'a reader sees one transaction, then the one before it',
    script: `
      step        | serializable       | snapshot                    | read-committed
      T1 put 1 11 |                    |                             |
      T1 put 2 19 |                    |                             |
      T2 put 1 12 | after T1 commit    | TX_CONFLICT after T1 commit | after T1 commit
      T1 commit   |                    |                             |
      T3 get 1    | 12 after T2 commit | 10                          | 11
      T2 put 2 18 |                    | gone                        |
      T3 get 2    | 18 after T2 commit | 20                          | 19
      T2 commit   |                    | gone                        |
      T3 get 2    | 18                 | 20                          | 18
      T3 get 1    | 12                 | 10                          | 12
      T3 commit   |                    |                             |`,
    isAnomaly: (outcome) => {
      const states = shown(outcome, 'T3 get').map((value) => OTV_STATES[value] as number)
      return states.some((state, i) => state < (states[i - 1] ?? 0))
    },
  },
  {
    name: 'pmp',
    anomaly: 'PMP',
    title: 'a row comes into what was read by a condition',
    script: `
      step        | serializable    | snapshot | read-committed
      T1 scan =30 | nothing         | nothing  | nothing
      T2 put 3 30 | after T1 commit |          |
      T2 commit   | after T1 commit |          |
      T1 scan %3  | nothing         | nothing  | 3:30
      T1 commit   |                 |          |`,
    isAnomaly: (outcome) => shown(outcome, 'T1 scan')[1] === '3:30',
  },
  {
    name: 'pmp-write',
    anomaly: 'PMP',
    title: 'rows that are deleted by a condition are not those that were read by it',
    script: `
      step          | serializable         | snapshot                    | read-committed
      T1 add 10     |                      |                             |
      T2 scan =20   | 1:20 after T1 commit | 2:20                        | 2:20
      T2 delete =20 | 1 after T1 commit    | TX_CONFLICT after T1 commit | nothing after T1 commit
      T1 commit     |                      |                             |
      T2 scan =20   | nothing              | gone                        | 1:20
      T2 commit     |                      | gone                        |`,
    isAnomaly: (outcome) =>
      haveCommitted(outcome, 'T2') && shown(outcome, 'T2 scan')[0] !== `${shown(outcome, 'T2 delete')[0]}:20`,
  },
  {
    name: 'p4',
    anomaly: 'P4',
    title: 'two that read a key and then write it',
    script: `
      step        | serializable      | snapshot                    | read-committed
      T1 get 1    | 10                | 10                          | 10
      T2 get 1    | 10                | 10                          | 10
      T1 put 1 11 | after T2 put 1 11 |                             |
      T2 put 1 11 | TX_DEADLOCK       | TX_CONFLICT after T1 commit | after T1 commit
      T1 commit   |                   |                             |
      T2 commit   | gone              | gone                        |`,
    isAnomaly: (outcome) => haveCommitted(outcome, 'T1', 'T2'),
  },
  {
    name: 'g-single',
    anomaly: 'G-single',
    title: 'one key is read before, the other after they are written',
    script: `
      step        | serializable    | snapshot | read-committed
      T1 get 1    | 10              | 10       | 10
      T2 get 1    | 10              | 10       | 10
      T2 get 2    | 20              | 20       | 20
      T2 put 1 12 | after T1 commit |          |
      T2 put 2 18 | after T1 commit |          |
      T2 commit   | after T1 commit |          |
      T1 get 2    | 20              | 20       | 18
      T1 commit   |                 |          |`,
    isAnomaly: (outcome) => shown(outcome, 'T1 get').join() === '10,18',
  },
  {
    name: 'g-single-dependencies',
    anomaly: 'G-single',
    title: 'the same by conditions',
    script: `
      step          | serializable      | snapshot  | read-committed
      T1 scan %5    | 1:10 2:20         | 1:10 2:20 | 1:10 2:20
      T2 set 12 =10 | 1 after T1 commit | 1         | 1
      T2 commit     | after T1 commit   |           |
      T1 scan %3    | nothing           | nothing   | 1:12
      T1 commit     |                   |           |`,
    isAnomaly: (outcome) => shown(outcome, 'T1 scan').join() === '1:10 2:20,1:12',
  },
  {
    name: 'g-single-write-1',
    anomaly: 'G-single',
    title: 'a deletion by a condition does not find what was there with the key that was read',
    script: `
      step          | serializable                    | snapshot    | read-committed
      T1 get 1      | 10                              | 10          | 10
      T2 scan       | 1:10 2:20                       | 1:10 2:20   | 1:10 2:20
      T2 put 1 12   | TX_DEADLOCK after T1 delete =20 |             |
      T2 put 2 18   | gone after T1 delete =20        |             |
      T2 commit     | gone after T1 delete =20        |             |
      T1 delete =20 | 2                               | TX_CONFLICT | nothing
      T1 get 2      | -                               | gone        | 18
      T1 commit     |                                 | gone        |`,
    isAnomaly: (outcome) =>
      haveCommitted(outcome, 'T1') && shown(outcome, 'T1 get')[0] === '10' && shown(outcome, 'T1 delete')[0] !== '2',
  },
  {
    name: 'g-single-write-2',
    anomaly: 'G-single',
    title: 'the same, and the deletion is rolled back',
    script: `
      step          | serializable                    | snapshot       | read-committed
      T1 get 1      | 10                              | 10             | 10
      T2 scan       | 1:10 2:20                       | 1:10 2:20      | 1:10 2:20
      T2 put 1 12   | TX_DEADLOCK after T1 delete =20 |                |
      T1 delete =20 | 2                               | 2              | 2
      T2 put 2 18   | gone                            | after T1 abort | after T1 abort
      T1 abort      |                                 |                |
      T2 commit     | gone                            |                |`,
    isAnomaly: ({ final }) => final !== '1:12 2:18' && final !== '1:10 2:20',
  },
  {
    name: 'g2-item',
    anomaly: 'G2-item',
    title: 'two read both keys, and each writes another one',
    script: `
      step        | serializable      | snapshot | read-committed
      T1 get 1 2  | 10 20             | 10 20    | 10 20
      T2 get 1 2  | 10 20             | 10 20    | 10 20
      T1 put 1 11 | after T2 put 2 21 |          |
      T2 put 2 21 | TX_DEADLOCK       |          |
      T1 commit   |                   |          |
      T2 commit   | gone              |          |`,
    isAnomaly: (outcome) => haveCommitted(outcome, 'T1', 'T2'),
  },
  {
    name: 'g2',
    anomaly: 'G2',
    title: 'two look for rows, and each inserts one that the other has not found',
    script: `
      step        | serializable      | snapshot | read-committed
      T1 scan %3  | nothing           | nothing  | nothing
      T2 scan %3  | nothing           | nothing  | nothing
      T1 put 3 30 | after T2 put 4 42 |          |
      T2 put 4 42 | TX_DEADLOCK       |          |
      T1 commit   |                   |          |
      T2 commit   | gone              |          |`,
    isAnomaly: (outcome) => haveCommitted(outcome, 'T1', 'T2'),
  },
  {
    name: 'g2-two-edges',
    anomaly: 'G2',
    title: 'a reader sees the second of two writers, of whom the first has read what was before (Fekete et al.)',
    script: `
      step        | serializable                 | snapshot  | read-committed
      T1 scan     | 1:10 2:20                    | 1:10 2:20 | 1:10 2:20
      T2 begin    |                              |           |
      T2 put 2 25 | after T1 commit              |           |
      T2 commit   | after T1 commit              |           |
      T3 begin    |                              |           |
      T3 scan     | TX_DEADLOCK after T1 put 1 0 | 1:10 2:25 | 1:10 2:25
      T3 commit   | gone after T1 put 1 0        |           |
      T1 put 1 0  |                              |           |
      T1 commit   |                              |           |`,
    isAnomaly: (outcome) => shown(outcome, 'T3 scan')[0] === '1:10 2:25' && haveCommitted(outcome, 'T1', 'T2', 'T3'),
  },
]

/** The steps of a case. */
export const stepsOf = ({ script }: HermitageCase): string[] => columnOf(script, 0)

/** What the steps have to show at a level. */
export function expectedOf({ script }: HermitageCase, level: Isolation): string[] {
  const [head = ''] = script.trim().split('\n')
  return columnOf(script, cellsOf(head).indexOf(level))
}

const cellsOf = (line: string): string[] => line.split('|').map((cell) => cell.trim())

const columnOf = (script: string, column: number): string[] =>
  script
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => cellsOf(line)[column] ?? '')
