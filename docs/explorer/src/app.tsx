/** The page: what has happened, the way through the steps, and the panels. */
import { useEffect, useState } from 'preact/hooks'
import { ActionBar } from './controls/actions.tsx'
import { type DialogName, Header } from './controls/header.tsx'
import { Help } from './controls/help.tsx'
import { OwnScenario } from './controls/own-scenario.tsx'
import { Sentence } from './controls/sentence.tsx'
import { Share } from './controls/share.tsx'
import { useShortcuts } from './controls/shortcuts.ts'
import { type Playing, Transport, usePlaying } from './controls/transport.tsx'
import { type Explorer, useExplorer } from './explorer.ts'
import { AnswersPanel } from './panels/answers-panel.tsx'
import { LogPanel } from './panels/log-panel.tsx'
import { PagesPanel } from './panels/pages-panel.tsx'
import { PredictPanel } from './panels/predict-panel.tsx'
import { DirtyPageTable, LocksPanel, TransactionTable } from './panels/tables.tsx'
import { TreePanel } from './panels/tree-panel.tsx'
import { type Theme, useTheme } from './theme.ts'

export function App() {
  const explorer = useExplorer()
  const theme = useTheme()
  const playing = usePlaying(explorer)
  const [dialog, setDialog] = useState<DialogName | undefined>(undefined)
  const close = () => setDialog(undefined)
  const title = explorer.session?.title
  useEffect(() => {
    document.title = title === undefined ? 'ARIES explorer' : `${title} – ARIES explorer`
  }, [title])
  const [areLettersOn, setLettersOn] = useState(true)
  useShortcuts(shortcutsOf(explorer, playing, theme, setDialog), areLettersOn)
  return (
    <>
      <Header explorer={explorer} theme={theme} onOpen={setDialog} />
      <main data-shown={explorer.isRunning ? undefined : shownId(explorer.content)}>
        <div class="guide">
          <Sentence explorer={explorer} />
          {explorer.session?.steps.length !== 0 && <Transport explorer={explorer} playing={playing} />}
        </div>
        <ActionBar explorer={explorer} />
        <Panels explorer={explorer} />
      </main>
      {dialog === 'own' && (
        <OwnScenario
          content={explorer.content}
          onRun={(text) => explorer.open({ kind: 'text', text })}
          onClose={close}
        />
      )}
      {dialog === 'share' && <Share explorer={explorer} theme={theme.name} onClose={close} />}
      {dialog === 'help' && <Help areLettersOn={areLettersOn} onLetters={setLettersOn} onClose={close} />}
    </>
  )
}

/** Which exercise is shown, for whoever steers the page from outside. */
const shownId = (content: Explorer['content']): string => (content.kind === 'scenario' ? content.id : content.kind)

function Panels({ explorer }: { readonly explorer: Explorer }) {
  const { step, session, changed, asked, reveal } = explorer
  if (step === undefined || session === undefined) return null
  const { state } = step
  const isAsked = asked !== undefined && step.number === asked.crashStep
  return (
    <div class="panels">
      <LogPanel step={step} changed={changed} />
      <div class="panel-tables">
        {isAsked ? (
          <PredictPanel key={`${explorer.opened} ${asked.crashStep}`} asked={asked} onReveal={reveal} />
        ) : (
          <>
            <TransactionTable state={state} changed={changed} />
            <DirtyPageTable state={state} changed={changed} />
          </>
        )}
        <LocksPanel locks={state.locks ?? []} />
      </div>
      <PagesPanel state={state} changed={changed} />
      <TreePanel trees={state.trees} changed={changed} />
      {session.answers.length > 0 && asked === undefined && (
        <AnswersPanel answers={session.answers} step={step.number} />
      )}
    </div>
  )
}

/** What each key does now. */
function shortcutsOf(
  explorer: Explorer,
  playing: Playing,
  theme: Theme,
  open: (dialog: DialogName) => void,
): Readonly<Record<string, () => void>> {
  const { step, session, lastStep, goTo } = explorer
  const number = step?.number ?? 0
  const move = (target: number) => {
    playing.stop()
    goTo(target)
  }
  const press = (action: string) => document.querySelector<HTMLElement>(`[data-action=${action}]`)?.click()
  return {
    ArrowRight: () => move(number + 1),
    n: () => move(number + 1),
    ArrowLeft: () => move(number - 1),
    p: () => move(number - 1),
    ' ': playing.toggle,
    Home: () => move(0),
    End: () => move(lastStep),
    ']': () => move(nextPhase(session?.steps ?? [], number)),
    '[': () => move(phaseBefore(session?.steps ?? [], number)),
    l: () => press('steps'),
    c: () => press('crash'),
    r: () => press('restart'),
    o: () => open('own'),
    d: () => explorer.setPredicting(!explorer.isPredicting),
    s: () => open('share'),
    t: theme.toggle,
    '?': () => open('help'),
  }
}

type Steps = NonNullable<Explorer['session']>['steps']

function nextPhase(steps: Steps, number: number): number {
  const phase = steps[number]?.state.phase
  const next = steps.findIndex((step) => step.number > number && step.state.phase !== phase)
  return next === -1 ? steps.length - 1 : next
}

/** The first step of this phase, or, from there, of the one before. */
function phaseBefore(steps: Steps, number: number): number {
  const phase = steps[number - 1]?.state.phase
  return steps.findLastIndex((step) => step.number < number && step.state.phase !== phase) + 1
}
