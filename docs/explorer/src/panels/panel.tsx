/** What all panels share: the frame, the marks of what has changed, the names of transactions. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { transactionColour } from '../theme.ts'

interface PanelProps {
  readonly id: string
  readonly title: string
  /** What a crash leaves of it. */
  readonly place?: 'memory' | 'disk' | 'both'
  /** A short remark at the right of the title. */
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}

const PLACES = {
  memory: ['in memory', 'Lost in a crash'],
  disk: ['on disk', 'Survives a crash'],
  both: ['memory and disk', 'What is durable survives a crash'],
} as const

export function Panel({ id, title, place, aside, children }: PanelProps) {
  const headingId = useId()
  return (
    <div id={id} class={`panel panel-${id}`}>
      <header>
        <h2 id={headingId}>{title}</h2>
        {place !== undefined && (
          <span class={`place place-${place}`} title={PLACES[place][1]}>
            {PLACES[place][0]}
          </span>
        )}
        {aside !== undefined && <span class="aside">{aside}</span>}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="panel-body" aria-labelledby={headingId} tabIndex={0}>
        {children}
      </section>
    </div>
  )
}

/** The mark beside what this step has changed, which is lit up besides. */
export function ChangedMark({ isChanged }: { readonly isChanged: boolean }) {
  if (!isChanged) return null
  return (
    <span class="changed-mark">
      <span aria-hidden="true">◆</span>
      <span class="only-read">changed in this step: </span>
    </span>
  )
}

export const litClass = (isChanged: boolean): string => (isChanged ? 'lit' : '')

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

export function TransactionName({ txnId, txn }: { readonly txnId: number; readonly txn: string }) {
  return (
    <span class="transaction-name" style={{ '--own': transactionColour(txnId) }}>
      {txn}
    </span>
  )
}
