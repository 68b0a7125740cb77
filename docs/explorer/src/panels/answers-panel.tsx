/** The known answers of an exercise beside what the engine has done, as far as it has come. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { AnswerRow } from '../session/types.ts'
import { Empty, Panel } from './panel.tsx'

interface AnswersPanelProps {
  readonly answers: readonly AnswerRow[]
  readonly step: number
}

export function AnswersPanel({ answers, step }: AnswersPanelProps) {
  const known = answers.filter((answer) => answer.step <= step)
  const equal = known.filter(({ isEqual }) => isEqual).length
  return (
    <Panel id="answers" title="Known answers" aside={`${equal} of ${answers.length} equal so far`}>
      {known.length === 0 ? (
        <Empty>The first is compared when the engine has come to it, at step {(answers[0]?.step ?? 0) + 1}.</Empty>
      ) : (
        <AnswerTable known={known} hasRestarts={answers.some(({ restart }) => restart > 0)} />
      )}
    </Panel>
  )
}

interface AnswerTableProps {
  readonly known: readonly AnswerRow[]
  readonly hasRestarts: boolean
}

function AnswerTable({ known, hasRestarts }: AnswerTableProps) {
  const table = useRef<HTMLTableElement>(null)
  useLayoutEffect(() => {
    const scroller = table.current?.closest('.panel-body')
    if (scroller) scroller.scrollTop = scroller.scrollHeight
  }, [known.length])
  return (
    <table ref={table}>
      <thead>
        <tr>
          <th scope="col">question</th>
          <th scope="col">the source says</th>
          <th scope="col">the engine</th>
        </tr>
      </thead>
      <tbody>
        {known.map(({ restart, question, expected, ours, isEqual }) => (
          <tr key={`${restart} ${question}`}>
            <th scope="row">
              {question}
              {hasRestarts && <span class="restart-number"> (restart {restart + 1})</span>}
            </th>
            <td>{expected}</td>
            <td>
              <Verdict ours={ours} isEqual={isEqual} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Verdict({ ours, isEqual }: { readonly ours: string; readonly isEqual: boolean }) {
  if (isEqual) {
    return (
      <span class="mark-right">
        <span aria-hidden="true">✓</span> equal
      </span>
    )
  }
  return (
    <span class="mark-wrong">
      <span aria-hidden="true">✗</span> {ours}
    </span>
  )
}
