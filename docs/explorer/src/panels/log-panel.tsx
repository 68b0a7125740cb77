/**
 * The log: oldest record on top, with its links as arrows. A line parts what is durable from what is only
 * in memory, where a crash would cut.
 */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Arrows } from '../log/arrows.tsx'
import { layOutLanes } from '../log/lanes.ts'
import { gutterWidth } from '../log/shapes.ts'
import type { Changes, LogRow, Lsn, Step } from '../session/types.ts'
import { lsnText } from './lsn-text.ts'
import { ChangedMark, Empty, litClass, Panel, TransactionName } from './panel.tsx'

interface LogPanelProps {
  readonly step: Step
  readonly changed: Changes
}

export function LogPanel({ step, changed }: LogPanelProps) {
  const { log, masterLsn } = step.state
  const lastDurable = log.findLast(({ isFlushed }) => isFlushed)
  const aside = [
    `durable up to ${lsnText(lastDurable?.lsn)}`,
    ...(masterLsn === undefined ? [] : [`master record: ${masterLsn}`]),
  ].join(', ')
  return (
    <Panel id="log" title="Log" place="both" aside={aside}>
      {log.length === 0 ? <Empty>The log is empty.</Empty> : <LogTable step={step} changed={changed} />}
    </Panel>
  )
}

interface Geometry {
  readonly rowMiddles: readonly number[]
  readonly height: number
  readonly rem: number
}

/** In rem: the dots stand beside the first line of a row that has several. */
const FIRST_LINE_MIDDLE = 0.82

/** Where the rows are, measured again whenever the table changes its size. */
function useGeometry(log: readonly LogRow[]) {
  const table = useRef<HTMLTableElement>(null)
  const [geometry, setGeometry] = useState<Geometry>({ rowMiddles: [], height: 0, rem: 16 })
  useLayoutEffect(() => {
    const element = table.current
    if (element === null) return
    const measure = () => {
      const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
      const rows = [...element.querySelectorAll<HTMLElement>('tr[data-lsn]')]
      setGeometry({
        rowMiddles: rows.map((row) => row.offsetTop + Math.min(row.offsetHeight / 2, FIRST_LINE_MIDDLE * rem)),
        height: element.offsetHeight,
        rem,
      })
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [log])
  return { table, geometry }
}

/** Brings the record of the step into sight, inside the panel only: the page itself stays where it is. */
function useScrollTo(lsn: Lsn | undefined, step: Step) {
  const place = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const scroller = place.current?.closest('.panel-body')
    const row = place.current?.querySelector<HTMLElement>(`tr[data-lsn="${lsn}"]`)
    if (!scroller || !row) return
    const margin = row.offsetHeight * 2
    const top = row.offsetTop - margin
    const bottom = row.offsetTop + row.offsetHeight + margin
    if (top < scroller.scrollTop) scroller.scrollTop = top
    else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight
  }, [lsn, step])
  return place
}

function LogTable({ step, changed }: LogPanelProps) {
  const { log, masterLsn } = step.state
  const lanes = useMemo(() => layOutLanes(log), [log])
  const { table, geometry } = useGeometry(log)
  const place = useScrollTo(step.lsn ?? changed.log.at(-1) ?? log.at(-1)?.lsn, step)
  const volatile = log.filter(({ isFlushed }) => !isFlushed)
  const rowsOf = (records: readonly LogRow[]) =>
    records.map((record) => (
      <Row
        key={record.lsn}
        record={record}
        isChanged={changed.log.includes(record.lsn)}
        isCurrent={record.lsn === step.lsn}
        isMaster={record.lsn === masterLsn}
      />
    ))
  return (
    <div class="log" ref={place} style={{ '--gutter': `${gutterWidth(lanes)}rem` }}>
      <Arrows log={log} lanes={lanes} changed={changed.log} {...geometry} />
      <table ref={table}>
        <thead>
          <tr>
            <td class="gutter" />
            <th scope="col">LSN</th>
            <th scope="col">txn</th>
            <th scope="col">type</th>
            <th scope="col">page</th>
            <th scope="col" class="change">
              change
            </th>
            <th scope="col" class="number">
              prevLSN
            </th>
            <th scope="col" class="number">
              undoNextLSN
            </th>
          </tr>
        </thead>
        <tbody class="durable">{rowsOf(log.filter(({ isFlushed }) => isFlushed))}</tbody>
        <tbody class="volatile">
          <tr class={`flush-line ${volatile.length === 0 ? 'all-flushed' : ''}`}>
            <th colSpan={8} scope="rowgroup">
              {volatile.length === 0
                ? 'All of the log is on disk'
                : 'Not flushed: what is below this line is only in memory'}
            </th>
          </tr>
          {rowsOf(volatile)}
        </tbody>
      </table>
    </div>
  )
}

interface RowProps {
  readonly record: LogRow
  readonly isChanged: boolean
  /** The step is about it. */
  readonly isCurrent: boolean
  readonly isMaster: boolean
}

function Row({ record, isChanged, isCurrent, isMaster }: RowProps) {
  const { lsn, txnId, txn, type, page, text, prevLsn, undoNextLsn } = record
  return (
    <tr
      data-lsn={lsn}
      class={`${litClass(isChanged)} ${isCurrent ? 'current' : ''}`}
      aria-current={isCurrent ? 'step' : undefined}
    >
      <td class="gutter" />
      <th scope="row">
        <ChangedMark isChanged={isChanged} />
        {lsn}
        {isMaster && <span class="master-tag">master</span>}
      </th>
      {txnId === undefined ? (
        <td class="of-nobody" colSpan={6}>
          <span class="record-type">{type}</span> {text}
        </td>
      ) : (
        <>
          <td>
            <TransactionName txnId={txnId} txn={txn ?? `T${txnId}`} />
          </td>
          <td class={`record-type record-${type}`}>{type}</td>
          <td>{page}</td>
          <td class="change">{text}</td>
          <td class="prev-lsn number">{lsnText(prevLsn)}</td>
          <td class="undo-next-lsn number">{type === 'clr' ? lsnText(undoNextLsn) : ''}</td>
        </>
      )}
    </tr>
  )
}
