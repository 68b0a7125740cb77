/** The arrows beside the log, drawn between the rows where the browser has put them. */
import type { LogRow, Lsn } from '../session/types.ts'
import { transactionColour } from '../theme.ts'
import type { Lanes } from './lanes.ts'
import { arrowShapes, gutterWidth } from './shapes.ts'

interface ArrowsProps {
  readonly log: readonly LogRow[]
  readonly lanes: Lanes
  /** The middle of each row, in pixels from the top of the drawing. */
  readonly rowMiddles: readonly number[]
  readonly height: number
  readonly rem: number
  readonly changed: readonly Lsn[]
}

/** Hidden from screen readers, to which the table gives the same LSNs as text. */
export function Arrows({ log, lanes, rowMiddles, height, rem, changed }: ArrowsProps) {
  const width = gutterWidth(lanes) * rem
  return (
    <svg class="arrows" aria-hidden="true" width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      {arrowShapes(log, lanes, rowMiddles, rem).map(({ d, txnId, isDashed, isFilled, row }) => {
        const isDot = isDashed === undefined
        const colour = txnId === undefined ? 'var(--muted)' : transactionColour(txnId)
        const isNew = changed.includes(log[row]?.lsn ?? -1)
        return (
          <path
            key={d}
            d={d}
            class={`${isDot ? 'record-dot' : isDashed ? 'undo-arrow' : 'prev-arrow'} ${isNew ? 'new' : ''}`}
            stroke={colour}
            fill={isDot ? (isFilled ? colour : 'var(--panel)') : 'none'}
          />
        )
      })}
    </svg>
  )
}
