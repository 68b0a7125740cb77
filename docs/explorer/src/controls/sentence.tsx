/** The sentence that says what has happened and why; a screen reader speaks it at each step. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Explorer } from '../explorer.ts'
import { textbook } from '../session/index.ts'
import type { Step } from '../session/types.ts'
import { PHASE_NAMES } from './transport.tsx'

/** An action of many steps is told by its last ones; the others are a step back away. */
const TOLD_MAX = 4

export function Sentence({ explorer }: { readonly explorer: Explorer }) {
  const { session, step, passed, isRunning, problem, asked, lastStep } = explorer
  const isTask = asked !== undefined && step?.number === asked.crashStep
  const isCompared = asked === undefined && step?.number === lastStep
  const place = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    if (place.current !== null) place.current.scrollTop = 0
  }, [step])
  return (
    <section
      ref={place}
      class={`sentence phase-${step?.state.phase ?? 'running'}`}
      aria-label="What has happened"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
      tabIndex={0}
    >
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {step !== undefined && (
        <p class="phase-line">
          <span class="phase">{PHASE_NAMES[step.state.phase]}</span>
          <strong class="step-title">{step.title}</strong>
        </p>
      )}
      <div aria-live="polite" class="told" data-step={step?.number}>
        {isRunning && step === undefined && <p>The engine is starting.</p>}
        {isTask && (
          <p class="task">Predict: fill in both tables as analysis will have built them. Then the restart is shown.</p>
        )}
        {passed.length > TOLD_MAX && <p class="earlier passed">… {passed.length - TOLD_MAX} steps before, and then:</p>}
        {passed.slice(-TOLD_MAX).map((told) => (
          <Told key={told.number} step={told} isLast={told === step} />
        ))}
        {session?.note !== undefined && step === undefined && <p>Not applicable: {session.note}.</p>}
        {session?.note !== undefined && isCompared && <p class="earlier note">{session.note}.</p>}
        {/* Where an exercise comes from may tell its answers. */}
        {(step === undefined || step.number === 0) && asked === undefined && <Origin explorer={explorer} />}
      </div>
    </section>
  )
}

/** What an exercise is called, and where it and its answers come from, at its first step. */
function Origin({ explorer: { content, session } }: { readonly explorer: Explorer }) {
  if (session?.kind !== 'scenario') return null
  const source = content.kind === 'scenario' ? textbook.find(({ id }) => id === content.id)?.source : undefined
  return (
    <p class="earlier origin" title={source}>
      {session.title}
      {source !== undefined && source !== '' && <cite> {source}</cite>}
    </p>
  )
}

function Told({ step, isLast }: { readonly step: Step; readonly isLast: boolean }) {
  return (
    <p class={isLast ? '' : 'earlier passed'}>
      {step.sentence}
      {isLast && step.reference !== undefined && <cite> {step.reference}</cite>}
    </p>
  )
}
