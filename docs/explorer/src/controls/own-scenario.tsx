/** An exercise of one's own in the text notation. What is wrong is marked in the text, while it is typed. */
import { useMemo, useRef, useState } from 'preact/hooks'
import { parseScenarioText, textbookText } from '../session/index.ts'
import type { Place, TextError } from '../session/types.ts'
import { Dialog } from './dialog.tsx'

interface OwnScenarioProps {
  readonly content: Place['content']
  readonly onRun: (text: string) => void
  readonly onClose: () => void
}

/** Small enough to be read at a glance, with what an exercise needs. */
const TEMPLATE = `scenario mine "one winner, one loser, one page stolen"

initial A  v: a0
initial B  v: b0

log
  10  T1 update A v: a0 -> a1
  20  begin_checkpoint
  30  end_checkpoint  att T1 running 10  dpt A 10
  40  T2 update B v: b0 -> b1
  50  T1 commit
  60  T2 update A w: none -> x

restart
  disk A @10            # as record 10 left it; B was never written
`

/** What to begin from: what is shown, if it is an exercise. */
function firstText(content: Place['content']): string {
  if (content.kind === 'text') return content.text
  return (content.kind === 'scenario' ? textbookText(content.id) : undefined) ?? TEMPLATE
}

export function OwnScenario({ content, onRun, onClose }: OwnScenarioProps) {
  const [text, setText] = useState(() => firstText(content))
  const parsed = useMemo(() => parseScenarioText(text), [text])
  const errors = 'errors' in parsed ? parsed.errors : []
  const area = useRef<HTMLTextAreaElement>(null)
  const goTo = ({ line, column }: TextError) => {
    const offset = offsetOf(text, line, column)
    area.current?.focus()
    area.current?.setSelectionRange(offset, offset + 1)
  }
  return (
    <Dialog title="Your own scenario" onClose={onClose} isWide>
      <p class="hint">
        A line is a log record, which begins with its LSN, or a statement, which begins with a word:{' '}
        <code>initial</code>, <code>log</code>, <code>restart</code>, <code>disk</code>, <code>crash after</code>.
        Answers such as <code>att</code>, <code>dpt</code>, <code>redone</code> and <code>undo</code> are compared with
        what the engine does.
      </p>
      <Editor text={text} errors={errors} area={area} onInput={setText} />
      <div class="errors" role="status">
        {errors.length === 0 ? (
          <p class="mark-right">
            <span aria-hidden="true">✓</span> No errors.
          </p>
        ) : (
          <ul>
            {errors.map((error) => (
              <li key={`${error.line}:${error.column}`}>
                <button type="button" class="quiet" onClick={() => goTo(error)}>
                  Line {error.line}, column {error.column}
                </button>
                : {error.message}
              </li>
            ))}
          </ul>
        )}
      </div>
      <p class="dialog-buttons">
        <button type="button" onClick={() => setText(TEMPLATE)}>
          Start from the small example
        </button>
        <button
          type="button"
          class="main"
          disabled={errors.length > 0}
          onClick={() => {
            onRun(text)
            onClose()
          }}
        >
          Run
        </button>
      </p>
    </Dialog>
  )
}

function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1
}

interface EditorProps {
  readonly text: string
  readonly errors: readonly TextError[]
  readonly area: { current: HTMLTextAreaElement | null }
  readonly onInput: (text: string) => void
}

/** The text area lies over the same text with line numbers and marks, which scrolls along. */
function Editor({ text, errors, area, onInput }: EditorProps) {
  const backdrop = useRef<HTMLPreElement>(null)
  const lines = text.split('\n')
  const follow = () => {
    if (backdrop.current === null || area.current === null) return
    backdrop.current.scrollTop = area.current.scrollTop
    backdrop.current.scrollLeft = area.current.scrollLeft
  }
  return (
    <div class="editor">
      <pre ref={backdrop} aria-hidden="true">
        {lines.map((line, index) => (
          <Line key={index} line={line} number={index + 1} error={errors.find((error) => error.line === index + 1)} />
        ))}
      </pre>
      <textarea
        ref={area}
        autofocus
        aria-label="Scenario in the text notation"
        aria-invalid={errors.length > 0}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        wrap="off"
        value={text}
        onInput={(event) => onInput(event.currentTarget.value)}
        onScroll={follow}
      />
    </div>
  )
}

interface LineProps {
  readonly line: string
  readonly number: number
  readonly error: TextError | undefined
}

function Line({ line, number, error }: LineProps) {
  const at = (error?.column ?? 1) - 1
  return (
    <span class={`line ${error === undefined ? '' : 'line-wrong'}`}>
      <span class="line-number">{number}</span>
      {error === undefined ? (
        line
      ) : (
        <>
          {line.slice(0, at)}
          <mark>{line.slice(at).match(/^\w+|^./)?.[0] ?? ' '}</mark>
          {line.slice(at).replace(/^\w+|^./, '')}
        </>
      )}
      {'\n'}
    </span>
  )
}
