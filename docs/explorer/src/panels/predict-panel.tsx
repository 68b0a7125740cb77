/**
 * Predict first: the student fills in the two tables as they are at the end of analysis, and is marked
 * cell by cell. Until then nothing behind the crash is shown.
 */
import { useState } from 'preact/hooks'
import { markPrediction } from '../session/index.ts'
import type { CellMark, Marks, Prediction, RestartView } from '../session/types.ts'
import { Panel } from './panel.tsx'

interface PredictPanelProps {
  readonly asked: RestartView
  readonly onReveal: () => void
}

type TransactionGuess = Prediction['transactions'][number]
type PageGuess = Prediction['dirtyPages'][number]

const NO_TRANSACTION: TransactionGuess = { txn: '', status: '', lastLsn: '' }
const NO_PAGE: PageGuess = { page: '', recLsn: '' }
const STATUSES = ['running', 'committing', 'aborting', 'prepared']

/** As many empty rows as are always there; the number of rows must not give the answer away. */
const blank = <Row,>(row: Row): Row[] => [row, row, row]

export function PredictPanel({ asked, onReveal }: PredictPanelProps) {
  const [transactions, setTransactions] = useState(() => blank(NO_TRANSACTION))
  const [dirtyPages, setDirtyPages] = useState(() => blank(NO_PAGE))
  const [marks, setMarks] = useState<Marks | undefined>(undefined)
  const check = (event: Event) => {
    event.preventDefault()
    setMarks(markPrediction(asked, { transactions, dirtyPages }))
  }
  return (
    <Panel id="predict" title="Your prediction: the tables at the end of analysis">
      {marks === undefined ? (
        <form onSubmit={check}>
          <div class="both-tables">
            <GuessTable
              title="Transaction table"
              columns={{ txn: 'txn', status: 'status', lastLsn: 'lastLSN' }}
              choices={{ status: STATUSES }}
              rows={transactions}
              empty={NO_TRANSACTION}
              onChange={setTransactions}
            />
            <GuessTable
              title="Dirty page table"
              columns={{ page: 'page', recLsn: 'recLSN' }}
              choices={{}}
              rows={dirtyPages}
              empty={NO_PAGE}
              onChange={setDirtyPages}
            />
          </div>
          <p class="dialog-buttons">
            <button type="button" onClick={onReveal}>
              Show without an answer
            </button>
            <button type="submit" class="main">
              Check
            </button>
          </p>
        </form>
      ) : (
        <div class="marks">
          <p class="score" role="status">
            {marks.total === 0 ? 'Right: both tables are empty.' : `${marks.right} of ${marks.total} cells are right.`}
          </p>
          <div class="both-tables">
            <MarkTable
              title="Transaction table"
              columns={{ txn: 'txn', status: 'status', lastLsn: 'lastLSN' }}
              rows={marks.transactions}
            />
            <MarkTable title="Dirty page table" columns={{ page: 'page', recLsn: 'recLSN' }} rows={marks.dirtyPages} />
          </div>
          <p class="dialog-buttons">
            <button type="button" onClick={() => setMarks(undefined)}>
              Try again
            </button>
            <button type="button" class="main" onClick={onReveal}>
              Show the end of analysis
            </button>
          </p>
        </div>
      )}
    </Panel>
  )
}

interface GuessTableProps<Row> {
  readonly title: string
  readonly columns: Readonly<Record<keyof Row & string, string>>
  /** Columns in which there is something to choose from. */
  readonly choices: Readonly<Partial<Record<keyof Row & string, readonly string[]>>>
  readonly rows: readonly Row[]
  readonly empty: Row
  readonly onChange: (rows: Row[]) => void
}

function GuessTable<Row extends { readonly [Name in keyof Row]: string }>(props: GuessTableProps<Row>) {
  const { title, columns, choices, rows, empty, onChange } = props
  const names = Object.keys(columns) as (keyof Row & string)[]
  const set = (index: number, name: keyof Row & string, cell: string) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, [name]: cell } : row)))
  return (
    <div>
      <table class="guess">
        <caption>{title}</caption>
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name} scope="col">
                {columns[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {names.map((name) => {
                const label = `${title}, row ${index + 1}, ${columns[name]}`
                const options = choices[name]
                return (
                  <td key={name}>
                    {options === undefined ? (
                      <input
                        type="text"
                        size={5}
                        aria-label={label}
                        value={row[name]}
                        onInput={(event) => set(index, name, event.currentTarget.value)}
                      />
                    ) : (
                      <select
                        aria-label={label}
                        value={row[name]}
                        onChange={(event) => set(index, name, event.currentTarget.value)}
                      >
                        <option value=""> </option>
                        {options.map((option) => (
                          <option key={option}>{option}</option>
                        ))}
                      </select>
                    )}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <button type="button" class="quiet add" onClick={() => onChange([...rows, empty])}>
        Another row<span class="only-read"> in {title}</span>
      </button>
    </div>
  )
}

interface MarkTableProps {
  readonly title: string
  readonly columns: Readonly<Record<string, string>>
  readonly rows: readonly Readonly<Record<string, CellMark>>[]
}

function MarkTable({ title, columns, rows }: MarkTableProps) {
  return (
    <table class="guess">
      <caption>{title}</caption>
      <thead>
        <tr>
          {Object.entries(columns).map(([name, text]) => (
            <th key={name} scope="col">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.length === 0 && (
          <tr>
            <td colSpan={Object.keys(columns).length}>empty</td>
          </tr>
        )}
        {rows.map((row, index) => (
          <tr key={index}>
            {Object.keys(columns).map((name) => (
              <MarkCell key={name} mark={row[name] as CellMark} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function MarkCell({ mark: { given, wanted, isRight } }: { readonly mark: CellMark }) {
  if (isRight) {
    return (
      <td class="mark-right">
        <span aria-hidden="true">✓ </span>
        <span class="only-read">right: </span>
        {given}
      </td>
    )
  }
  return (
    <td class="mark-wrong">
      <span aria-hidden="true">✗ </span>
      <span class="only-read">wrong: </span>
      {given === '' ? <i>missing</i> : <s>{given}</s>} {wanted === '' ? <i>not in the table</i> : <b>{wanted}</b>}
    </td>
  )
}
