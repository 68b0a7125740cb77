/** The known answers of an exercise beside what the engine has done, as far as it has come. */
import type { AnswerRow } from '../session/types.ts'
import { Panel } from './panel.tsx'

interface AnswersPanelProps {
  readonly answers: readonly AnswerRow[]
  readonly step: number
}

export function AnswersPanel({ answers, step }: AnswersPanelProps) {
  const known = answers.filter((answer) => answer.step <= step)
  const equal = known.filter(({ isEqual }) => isEqual).length
  const severalRestarts = answers.some(({ restart }) => restart > 0)
  return (
    <Panel
      id="answers"
      title="Known answers"
      aside={`${equal} of ${answers.length} equal${known.length < answers.length ? ', the rest is to come' : ''}`}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">question</th>
            <th scope="col">the source says</th>
            <th scope="col">the engine</th>
          </tr>
        </thead>
        <tbody>
          {answers.map((answer) => {
            const { restart, question, expected, ours, isEqual } = answer
            const isKnown = known.includes(answer)
            return (
              <tr key={`${restart} ${question}`} class={isKnown && !isEqual ? 'differs-row' : ''}>
                <th scope="row">
                  {severalRestarts && <span class="restart-number">restart {restart + 1}: </span>}
                  {question}
                </th>
                <td>{isKnown ? expected : ''}</td>
                <td>{isKnown ? <Verdict ours={ours} isEqual={isEqual} /> : <i>to come</i>}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Panel>
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
