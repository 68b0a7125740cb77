/** Forward, back, play, and the way to any step. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Explorer } from '../explorer.ts'
import type { EngineState, Step } from '../session/types.ts'
import { Dialog } from './dialog.tsx'
import { Icon, type IconName } from './icon.tsx'

const MS_PER_STEP = 1500

/** Plays on until the last step that may be shown. */
export function usePlaying({ step, lastStep, goTo }: Explorer) {
  const [isPlaying, setIsPlaying] = useState(false)
  const number = step?.number ?? 0
  useEffect(() => {
    if (!isPlaying) return
    if (number >= lastStep) {
      setIsPlaying(false)
      return
    }
    const timer = setTimeout(() => goTo(number + 1), MS_PER_STEP)
    return () => clearTimeout(timer)
  }, [isPlaying, number, lastStep, goTo])
  return {
    isPlaying,
    /** Play at the end begins again. */
    toggle() {
      if (!isPlaying && number >= lastStep) goTo(0)
      setIsPlaying(!isPlaying)
    },
    stop: () => setIsPlaying(false),
  }
}

export type Playing = ReturnType<typeof usePlaying>

interface TransportProps {
  readonly explorer: Explorer
  readonly playing: Playing
}

export function Transport({ explorer, playing }: TransportProps) {
  const { session, step, lastStep, goTo } = explorer
  const [isListing, setIsListing] = useState(false)
  const number = step?.number ?? 0
  const move = (target: number) => {
    playing.stop()
    goTo(target)
  }
  return (
    <nav class="transport" aria-label="Steps">
      <div class="transport-buttons">
        <Move label="First step" icon="first" isDisabled={number === 0} onClick={() => move(0)} />
        <Move label="Previous step" icon="back" isDisabled={number === 0} onClick={() => move(number - 1)} />
        <Move
          label={playing.isPlaying ? 'Pause' : 'Play'}
          icon={playing.isPlaying ? 'pause' : 'play'}
          isDisabled={lastStep === 0}
          onClick={playing.toggle}
        />
        <Move
          label="Next step"
          text="Next"
          icon="forward"
          isDisabled={number >= lastStep}
          onClick={() => move(number + 1)}
          isMain
        />
        <Move label="Last step" icon="last" isDisabled={number >= lastStep} onClick={() => move(lastStep)} />
      </div>
      <div class="timeline">
        <input
          type="range"
          aria-label="Step"
          aria-valuetext={`step ${number + 1} of ${session?.steps.length ?? 1}: ${step?.title ?? ''}`}
          min={0}
          max={Math.max(0, (session?.steps.length ?? 1) - 1)}
          value={number}
          onInput={(event) => move(Number(event.currentTarget.value))}
        />
        <Bands steps={session?.steps ?? []} number={number} />
      </div>
      <button
        type="button"
        class="step-count"
        data-action="steps"
        aria-haspopup="dialog"
        onClick={() => setIsListing(true)}
      >
        <span class="only-read">All steps; this is step </span>
        {number + 1} / {session?.steps.length ?? 1}
      </button>
      {isListing && <StepList explorer={explorer} onClose={() => setIsListing(false)} onChoose={move} />}
    </nav>
  )
}

interface MoveProps {
  readonly label: string
  readonly icon: IconName
  readonly isDisabled: boolean
  readonly text?: string
  readonly isMain?: boolean
  readonly onClick: () => void
}

/** Disabled ones keep the focus, so that a reader who holds the key at the end is not thrown out of place. */
function Move({ label, icon, text, isDisabled, isMain = false, onClick }: MoveProps) {
  return (
    <button
      type="button"
      class={isMain ? 'main' : ''}
      aria-label={label}
      title={label}
      aria-disabled={isDisabled}
      onClick={() => !isDisabled && onClick()}
    >
      {text !== undefined && <span aria-hidden="true">{text} </span>}
      <Icon name={icon} />
    </button>
  )
}

type Phase = EngineState['phase']

export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  running: 'Normal work',
  crashed: 'Crashed',
  analysis: 'Analysis',
  redo: 'Redo',
  undo: 'Undo',
}

/** What each stretch of the timeline is. */
function Bands({ steps, number }: { readonly steps: readonly Step[]; readonly number: number }) {
  const bands = useMemo(() => {
    const found: { phase: Phase; count: number; first: number }[] = []
    for (const { state, number: first } of steps) {
      const last = found.at(-1)
      if (last?.phase === state.phase) last.count++
      else found.push({ phase: state.phase, count: 1, first })
    }
    return found
  }, [steps])
  return (
    <div class="bands" aria-hidden="true">
      {bands.map(({ phase, count, first }) => (
        <span
          key={first}
          class={`band phase-${phase} ${first <= number && number < first + count ? 'here' : ''}`}
          style={{ flexGrow: count }}
        >
          <span>{PHASE_NAMES[phase]}</span>
        </span>
      ))}
    </div>
  )
}

interface StepListProps {
  readonly explorer: Explorer
  readonly onClose: () => void
  readonly onChoose: (step: number) => void
}

function StepList({ explorer, onClose, onChoose }: StepListProps) {
  const { session, step, lastStep } = explorer
  useEffect(() => {
    document.querySelector('.step-list [aria-current]')?.scrollIntoView({ block: 'center' })
  }, [])
  return (
    <Dialog title="All steps" onClose={onClose}>
      <ol class="step-list">
        {session?.steps.slice(0, lastStep + 1).map(({ number, title, state }) => (
          <li key={number}>
            <button
              type="button"
              aria-current={number === step?.number ? 'step' : undefined}
              onClick={() => {
                onChoose(number)
                onClose()
              }}
            >
              <span class="step-number">{number + 1}</span>
              <span class={`phase-dot phase-${state.phase}`}>{PHASE_NAMES[state.phase]}</span>
              {title}
            </button>
          </li>
        ))}
      </ol>
    </Dialog>
  )
}
