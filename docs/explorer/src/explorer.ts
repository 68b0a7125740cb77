/**
 * What the page is about, and how it changes: the place (which is the address), the session that the
 * engine has made of it, and the step that is shown. Steps are values that never change, so to go back is
 * to show an earlier one.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { FIRST_PLACE } from './examples.ts'
import {
  actAt,
  decodeHash,
  encodeHash,
  parseScenarioText,
  runActions,
  runScenario,
  textbookScenario,
} from './session/index.ts'
import type { Action, Changes, Place, RestartView, Session, Step } from './session/types.ts'

type Content = Place['content']

export interface Explorer {
  readonly content: Content
  /** Counts what has been opened: what a reader has typed belongs to one of them. */
  readonly opened: number
  readonly session: Session | undefined
  readonly isRunning: boolean
  /** Why there is no session, or none as asked for. */
  readonly problem: string | undefined
  readonly step: Step | undefined
  /** The steps that the last move has passed, the shown one included: more than one after an action. */
  readonly passed: readonly Step[]
  /** What those steps have changed. */
  readonly changed: Changes
  readonly isPredicting: boolean
  /** The restart that waits for the student's answer: what is behind its crash is not shown. */
  readonly asked: RestartView | undefined
  /** The last step that may be shown. */
  readonly lastStep: number
  readonly hash: string
  open(content: Content): void
  act(action: Action): void
  goTo(step: number): void
  setPredicting(isPredicting: boolean): void
  /** The answer to `asked` may be shown. */
  reveal(): void
}

/** A session and where in it the reader is. */
interface View {
  readonly content: Content
  readonly session: Session
  readonly step: number
  /** The step that was shown before the move; changes since then are lit up. */
  readonly cameFrom: number
}

/** Browsers refuse to change the address many times a second, as when a key repeats. */
const ADDRESS_DELAY_MS = 150

const NO_CHANGES: Changes = { log: [], transactions: [], dirtyPages: [], pool: [], disk: [] }

async function run(content: Content): Promise<Session> {
  if (content.kind === 'actions') return await runActions(content.actions)
  if (content.kind === 'scenario') {
    const scenario = textbookScenario(content.id)
    if (scenario === undefined) throw new Error(`There is no textbook scenario ${JSON.stringify(content.id)}.`)
    return await runScenario(scenario)
  }
  const parsed = parseScenarioText(content.text)
  if ('scenario' in parsed) return await runScenario(parsed.scenario)
  const [first] = parsed.errors
  throw new Error(`The scenario has an error in line ${first?.line}, column ${first?.column}: ${first?.message}`)
}

/** Where a move to new content ends: a restart is begun and not passed, all else is done. */
function landing(session: Session, action: Action, before: number): number {
  const last = session.steps.length - 1
  return action.kind === 'restart' ? Math.min(before + 1, last) : last
}

export function useExplorer(): Explorer {
  const [askedFor, setAskedFor] = useState<Content>(FIRST_PLACE.content)
  const [view, setView] = useState<View | undefined>(undefined)
  const [isRunning, setIsRunning] = useState(true)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const [isUnreadable, setIsUnreadable] = useState(false)
  const [isPredicting, setIsPredicting] = useState(false)
  const [revealed, setRevealed] = useState<readonly number[]>([])
  const [opened, setOpened] = useState(0)
  const runs = useRef(0)
  /** The address that was last read or written. Another one is of somebody who wants to go there, and whose `hashchange` is yet to come. */
  const address = useRef('')

  /** Runs `content` and shows the step that `placeIn` names; a later call wins over one still under way. */
  const show = useCallback(async (content: Content, placeIn: (session: Session) => Pick<View, 'step' | 'cameFrom'>) => {
    const mine = ++runs.current
    setIsUnreadable(false)
    setIsRunning(true)
    try {
      const session = await run(content)
      if (mine !== runs.current) return
      setProblem(session.error?.message)
      const carriedOut: Content = session.kind === 'live' ? { kind: 'actions', actions: session.actions } : content
      setView({ content: carriedOut, session, ...placeIn(session) })
    } catch (error) {
      if (mine !== runs.current) return
      setProblem(error instanceof Error ? error.message : String(error))
      setView(undefined)
    } finally {
      if (mine === runs.current) setIsRunning(false)
    }
  }, [])

  const openPlace = useCallback(
    (place: Place) => {
      setRevealed([])
      setOpened((count) => count + 1)
      setAskedFor(place.content)
      setIsPredicting(place.isPredicting === true)
      void show(place.content, (session) => {
        const step = clamp(place.step ?? 0, session.steps.length - 1)
        return { step, cameFrom: step - 1 }
      })
    },
    [show],
  )

  useEffect(() => {
    const read = () => {
      address.current = location.hash
      const place = location.hash.length > 1 ? decodeHash(location.hash) : FIRST_PLACE
      openPlace(place ?? FIRST_PLACE)
      setIsUnreadable(place === undefined)
    }
    read()
    addEventListener('hashchange', read)
    return () => removeEventListener('hashchange', read)
  }, [openPlace])

  const asked = useMemo(
    () => (isPredicting ? view?.session.restarts.find(isUnanswered(revealed)) : undefined),
    [isPredicting, view, revealed],
  )
  const lastStep = view === undefined ? 0 : (asked?.crashStep ?? view.session.steps.length - 1)
  const number = view === undefined ? 0 : clamp(view.step, lastStep)
  const cameFrom = view === undefined || view.cameFrom >= number ? number - 1 : view.cameFrom
  const passed = view === undefined ? [] : view.session.steps.slice(Math.max(0, cameFrom + 1), number + 1)

  const hash = useMemo(
    () => (view === undefined ? '' : encodeHash({ content: view.content, step: number, isPredicting })),
    [view, number, isPredicting],
  )
  useEffect(() => {
    if (hash === '') return
    const write = () => {
      if (location.hash !== address.current) return
      history.replaceState(null, '', hash)
      address.current = location.hash
    }
    const timer = setTimeout(write, ADDRESS_DELAY_MS)
    return () => clearTimeout(timer)
  }, [hash])

  return {
    content: view?.content ?? askedFor,
    opened,
    session: view?.session,
    isRunning,
    problem: isUnreadable ? 'The link cannot be read, so this is the start page.' : problem,
    step: view?.session.steps[number],
    passed,
    changed: useMemo(() => merge(passed), [view, number, cameFrom]),
    isPredicting,
    asked,
    lastStep,
    hash,
    open: (content) => openPlace({ content, isPredicting }),
    act(action) {
      if (view === undefined || isRunning) return
      const actions = actAt(view.session, number, action)
      void show({ kind: 'actions', actions }, (session) => ({
        step:
          session.error === undefined ? landing(session, action, number) : Math.min(number, session.steps.length - 1),
        cameFrom: number,
      }))
    },
    goTo(step) {
      if (view === undefined) return
      const target = clamp(step, lastStep)
      setView({ ...view, step: target, cameFrom: target - 1 })
    },
    setPredicting(next) {
      setRevealed([])
      setIsPredicting(next)
    },
    reveal() {
      if (asked === undefined || view === undefined) return
      setRevealed([...revealed, asked.crashStep])
      const step = asked.analysisStep ?? asked.crashStep
      setView({ ...view, step, cameFrom: step - 1 })
    },
  }
}

const clamp = (step: number, last: number): number => Math.max(0, Math.min(step, last))

/** A restart whose analysis came to an end, and whose tables the student has not filled in yet. */
const isUnanswered = (revealed: readonly number[]) => (restart: RestartView) =>
  restart.analysisStep !== undefined && !revealed.includes(restart.crashStep)

function merge(steps: readonly Step[]): Changes {
  if (steps.length === 0) return NO_CHANGES
  const all = <Name extends keyof Changes>(name: Name) => [...new Set(steps.flatMap(({ changed }) => changed[name]))]
  return {
    log: all('log'),
    transactions: all('transactions'),
    dirtyPages: all('dirtyPages'),
    pool: all('pool'),
    disk: all('disk'),
  }
}
