/**
 * The buttons of a live session. An action is done at the step that is shown; what came later is dropped,
 * which the bar says beforehand.
 */
import { useState } from 'preact/hooks'
import type { Explorer } from '../explorer.ts'
import type { Action, EngineState, OpenTransaction } from '../session/types.ts'
import { CrashDialog } from './crash-dialog.tsx'

export function ActionBar({ explorer }: { readonly explorer: Explorer }) {
  const { step, session, isRunning, act } = explorer
  const [isCrashing, setIsCrashing] = useState(false)
  if (step === undefined || session?.kind !== 'live' || explorer.asked?.crashStep === step.number) return null
  const { state } = step
  const isWorking = state.phase === 'running'
  const dropped = session.steps.length - 1 - step.number
  return (
    <section class="actions" aria-label="Actions" aria-busy={isRunning}>
      {isWorking && (
        <TransactionActions state={state} earlier={session.actions.slice(0, step.actionIndex + 1)} act={act} />
      )}
      {isWorking && <EngineActions state={state} act={act} />}
      <fieldset class="action-group" aria-label="Crash and restart">
        {state.phase !== 'crashed' && (
          <button
            type="button"
            class="danger"
            data-action="crash"
            aria-haspopup="dialog"
            onClick={() => setIsCrashing(true)}
          >
            Crash here…
          </button>
        )}
        {state.phase === 'crashed' && (
          <button type="button" class="main" data-action="restart" onClick={() => act({ kind: 'restart' })}>
            Restart
          </button>
        )}
      </fieldset>
      {dropped > 0 && (
        <p class="drop-note">An action here drops the {dropped === 1 ? 'step' : `${dropped} steps`} after this one.</p>
      )}
      {isCrashing && (
        <CrashDialog
          writes={step.pendingWrites}
          onClose={() => setIsCrashing(false)}
          onCrash={(survivors) => act({ kind: 'crash', survivors })}
        />
      )}
    </section>
  )
}

interface TransactionActionsProps {
  readonly state: EngineState
  /** What has been done up to the step that is shown. */
  readonly earlier: readonly Action[]
  readonly act: (action: Action) => void
}

/** T1, T2, ...: the first name that no action has used. */
function nextName(actions: readonly Action[]): string {
  const used = new Set(actions.flatMap((action) => (action.kind === 'begin' ? [action.txn] : [])))
  let number = 1
  while (used.has(`T${number}`)) number++
  return `T${number}`
}

function TransactionActions({ state, earlier, act }: TransactionActionsProps) {
  const [chosen, setChosen] = useState('')
  const txn = state.open.find((open) => open.txn === chosen) ?? state.open.at(-1)
  const begun = nextName(earlier)
  return (
    <fieldset class="action-group" aria-label="Transactions">
      <button
        type="button"
        data-action="begin"
        onClick={() => {
          setChosen(begun)
          act({ kind: 'begin', txn: begun })
        }}
      >
        Begin {begun}
      </button>
      {txn !== undefined && (
        <>
          <label>
            <span class="only-read">in transaction</span>
            <select name="transaction" value={txn.txn} onChange={(event) => setChosen(event.currentTarget.value)}>
              {state.open.map((open) => (
                <option key={open.txn} value={open.txn}>
                  {open.txn}
                  {open.isWaiting ? ' (waits)' : ''}
                </option>
              ))}
            </select>
          </label>
          {txn.isWaiting ? <p class="drop-note">{txn.txn} waits for a lock.</p> : <Writes txn={txn} act={act} />}
        </>
      )}
    </fieldset>
  )
}

interface WritesProps {
  readonly txn: OpenTransaction
  readonly act: (action: Action) => void
}

function Writes({ txn: { txn, savepoints }, act }: WritesProps) {
  const [table, setTable] = useState('accounts')
  const [key, setKey] = useState('alice')
  const [value, setValue] = useState('100')
  const isNamed = table !== '' && key !== ''
  const field = (name: string, text: string, set: (text: string) => void) => (
    <label>
      <span class="label-text">{name}</span>
      <input
        type="text"
        name={name}
        value={text}
        size={7}
        autocomplete="off"
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  )
  return (
    <>
      <form
        class="action-group"
        onSubmit={(event) => {
          event.preventDefault()
          if (isNamed) act({ kind: 'put', txn, table, key, value })
        }}
      >
        {field('table', table, setTable)}
        {field('key', key, setKey)}
        {field('value', value, setValue)}
        <button type="submit" data-action="put" disabled={!isNamed}>
          Put
        </button>
        <button
          type="button"
          data-action="delete"
          disabled={!isNamed}
          onClick={() => act({ kind: 'delete', txn, table, key })}
        >
          Delete
        </button>
        <button
          type="button"
          data-action="get"
          disabled={!isNamed}
          onClick={() => act({ kind: 'get', txn, table, key })}
        >
          Get
        </button>
      </form>
      <div class="action-group">
        <button type="button" data-action="commit" onClick={() => act({ kind: 'commit', txn })}>
          Commit {txn}
        </button>
        <button type="button" data-action="abort" onClick={() => act({ kind: 'abort', txn })}>
          Abort {txn}
        </button>
        <button
          type="button"
          data-action="savepoint"
          onClick={() => act({ kind: 'savepoint', txn, name: `s${savepoints.length + 1}` })}
        >
          Savepoint
        </button>
        {savepoints.map((name) => (
          <button
            key={name}
            type="button"
            data-action="rollbackTo"
            onClick={() => act({ kind: 'rollbackTo', txn, name })}
          >
            Back to {name}
          </button>
        ))}
        <button
          type="button"
          data-action="fill"
          title="Many rows at once, so that pages split"
          onClick={() => act({ kind: 'fill', txn, table: table === '' ? 'accounts' : table, from: 1, count: 12 })}
        >
          Fill
        </button>
      </div>
    </>
  )
}

interface EngineActionsProps {
  readonly state: EngineState
  readonly act: (action: Action) => void
}

function EngineActions({ state, act }: EngineActionsProps) {
  return (
    <fieldset class="action-group" aria-label="Engine">
      <button type="button" data-action="flushLog" onClick={() => act({ kind: 'flushLog' })}>
        Flush log
      </button>
      {/* Not a field to be read, but a menu: what is chosen happens, and the menu is empty again. */}
      <label>
        <span class="only-read">Flush a page</span>
        <select
          data-action="flushPage"
          value=""
          disabled={state.dirtyPages.length === 0}
          onChange={(event) => {
            const pageId = Number(event.currentTarget.value)
            event.currentTarget.value = ''
            act({ kind: 'flushPage', pageId })
          }}
        >
          <option value="">Flush a page…</option>
          {state.dirtyPages.map(({ pageId, page }) => (
            <option key={pageId} value={pageId}>
              {page} {state.pool.find((view) => view.pageId === pageId)?.label ?? ''}
            </option>
          ))}
        </select>
      </label>
      <button type="button" data-action="checkpoint" onClick={() => act({ kind: 'checkpoint' })}>
        Checkpoint
      </button>
    </fieldset>
  )
}
