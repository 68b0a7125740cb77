/** The crash: what of the writes that were not synced survives it, whole or torn. */
import { useState } from 'preact/hooks'
import type { PendingWrite, SurvivingWrite, Survivors } from '../session/types.ts'
import { Dialog } from './dialog.tsx'

interface CrashDialogProps {
  readonly writes: readonly PendingWrite[]
  readonly onClose: () => void
  readonly onCrash: (survivors: Survivors) => void
}

const KINDS = [
  ['none', 'Power cut: nothing that was not synced survives'],
  ['all', 'Power cut: everything that was written survives'],
  ['choose', 'Power cut: choose what survives'],
  ['kill', 'The process dies; the operating system keeps what it was given'],
] as const

type Kind = (typeof KINDS)[number][0]

export function CrashDialog({ writes, onClose, onCrash }: CrashDialogProps) {
  const [kind, setKind] = useState<Kind>('none')
  const [kept, setKept] = useState<ReadonlyMap<number, readonly number[]>>(new Map())
  const submit = (event: Event) => {
    event.preventDefault()
    onClose()
    onCrash(kind === 'choose' ? chosen(writes, kept) : kind)
  }
  return (
    <Dialog title="Crash here" onClose={onClose}>
      <form onSubmit={submit}>
        {writes.length === 0 ? (
          <p>Everything that was written is synced: every crash leaves the same, which is what is on disk now.</p>
        ) : (
          <fieldset>
            <legend>
              {writes.length === 1 ? 'One write is' : `${writes.length} writes are`} not synced. What does the crash
              leave?
            </legend>
            {KINDS.map(([name, text]) => (
              <label key={name} class="choice">
                <input
                  type="radio"
                  name="kind"
                  value={name}
                  checked={kind === name}
                  autofocus={name === KINDS[0][0]}
                  onChange={() => setKind(name)}
                />{' '}
                {text}
              </label>
            ))}
          </fieldset>
        )}
        {kind === 'choose' && (
          <fieldset>
            <legend>Survives (a write that survives in part is torn)</legend>
            {writes.map((write) => (
              <Write
                key={write.index}
                write={write}
                kept={kept.get(write.index) ?? []}
                onKeep={(parts) => setKept(new Map(kept).set(write.index, parts))}
              />
            ))}
          </fieldset>
        )}
        <p class="dialog-buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="danger" autofocus={writes.length === 0}>
            Crash
          </button>
        </p>
      </form>
    </Dialog>
  )
}

interface WriteProps {
  readonly write: PendingWrite
  readonly kept: readonly number[]
  readonly onKeep: (parts: readonly number[]) => void
}

const allParts = ({ parts }: PendingWrite): number[] => Array.from({ length: Math.max(1, parts) }, (_, part) => part)

function Write({ write, kept, onKeep }: WriteProps) {
  const all = allParts(write)
  const toggle = (part: number) =>
    onKeep(kept.includes(part) ? kept.filter((other) => other !== part) : [...kept, part])
  return (
    <div class="pending-write">
      <label class="choice">
        <input
          type="checkbox"
          checked={kept.length === all.length}
          onChange={(event) => onKeep(event.currentTarget.checked ? all : [])}
        />{' '}
        {write.file}: {write.text}
      </label>
      {all.length > 1 && (
        <fieldset class="sectors" aria-label={`Sectors of ${write.text}`}>
          <span>sectors of 512 bytes:</span>
          {all.map((part) => (
            <label key={part} class="sector">
              <input type="checkbox" checked={kept.includes(part)} onChange={() => toggle(part)} />
              <span class="only-read">sector </span>
              {part + 1}
            </label>
          ))}
        </fieldset>
      )}
    </div>
  )
}

function chosen(writes: readonly PendingWrite[], kept: ReadonlyMap<number, readonly number[]>): SurvivingWrite[] {
  return writes.flatMap((write) => {
    const parts = [...(kept.get(write.index) ?? [])].sort((a, b) => a - b)
    if (parts.length === 0) return []
    return [parts.length === allParts(write).length ? { index: write.index } : { index: write.index, parts }]
  })
}
