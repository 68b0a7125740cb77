/**
 * The step as one picture for slides and papers: plain SVG with its own colours, which any program
 * reads, and PNG made from it.
 */
import { layOutLanes } from '../log/lanes.ts'
import { arrowShapes, gutterWidth } from '../log/shapes.ts'
import { lsnText } from '../panels/lsn-text.ts'
import type { Changes, EngineState, PageView, Step } from '../session/types.ts'
import type { Palette } from '../theme.ts'
import { type Drawn, drawTable, FONT, FONT_SIZE, ROW_HEIGHT, type SvgRow, svgText, wrap } from './svg-table.ts'

const MARGIN = 20
const GAP = 20
/** The gutter of the log is laid out in this many pixels to the unit. */
const REM = 16

interface PictureOptions {
  readonly step: Step
  readonly changed: Changes
  readonly palette: Palette
  /** What the session is called. */
  readonly title: string
  /** The tables of memory are not to be seen yet. */
  readonly isPredicting: boolean
}

/** The picture as the text of an SVG file. */
export function pictureOf({ step, changed, palette, title, isPredicting }: PictureOptions): string {
  const log = drawLog(step.state, changed, palette)
  const memory = isPredicting
    ? []
    : [drawTransactions(step.state, changed, palette), drawDirtyPages(step.state, changed, palette)]
  const right = [
    ...memory,
    drawPages('Buffer pool', step.state.pool, changed.pool, palette),
    drawPages('Pages on disk', step.state.disk, changed.disk, palette),
  ]
  const rightWidth = Math.max(...right.map(({ width }) => width))
  const width = Math.ceil(MARGIN * 2 + log.width + GAP + rightWidth)
  const sentence = wrap(step.sentence, width - MARGIN * 2)
  const top = MARGIN + ROW_HEIGHT * (sentence.length + 1) + 10
  let y = top
  const placed = right.map((table) => {
    const at = `<g transform="translate(${MARGIN + log.width + GAP} ${y})">${table.svg}</g>`
    y += table.height + 14
    return at
  })
  const height = Math.ceil(Math.max(y, top + log.height) + MARGIN)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" font-size="${FONT_SIZE}">`,
    `<title>${escapeTitle(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="${palette.page}"/>`,
    svgText(MARGIN, MARGIN + 14, `${title}: ${step.title}`, { fill: palette.ink, isBold: true }),
    ...sentence.map((line, index) =>
      svgText(MARGIN, MARGIN + 14 + ROW_HEIGHT * (index + 1), line, { fill: palette.ink }),
    ),
    `<g transform="translate(${MARGIN} ${top})">${log.svg}</g>`,
    ...placed,
    '</svg>',
  ].join('\n')
}

const escapeTitle = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')

function drawLog({ log }: EngineState, changed: Changes, palette: Palette): Drawn {
  const lanes = layOutLanes(log)
  const gutter = gutterWidth(lanes) * REM
  const row = (record: EngineState['log'][number]): SvgRow => ({
    cells: [
      lsnText(record.lsn),
      record.txn ?? '',
      record.type,
      record.page ?? '',
      cut(record.text),
      record.txnId === undefined ? '' : lsnText(record.prevLsn),
      record.type === 'clr' ? lsnText(record.undoNextLsn) : '',
    ],
    isLit: changed.log.includes(record.lsn),
  })
  const durable = log.filter(({ isFlushed }) => isFlushed)
  const volatile = log.filter(({ isFlushed }) => !isFlushed)
  const divider: SvgRow = { cells: ['not flushed: only in memory'], isDivider: true }
  const table = drawTable(
    {
      title: 'Log',
      columns: ['LSN', 'txn', 'type', 'page', 'change', 'prevLSN', 'undoNextLSN'],
      rows: [...durable.map(row), ...(volatile.length === 0 ? [] : [divider]), ...volatile.map(row)],
      gutter,
    },
    palette,
  )
  const shapes = arrowShapes(log, lanes, table.rowMiddles, REM)
  const arrows = shapes.map(({ d, txnId, isDashed, isFilled }) => {
    const colour = txnId === undefined ? palette.muted : palette.transactions[txnId % palette.transactions.length]
    return `<path d="${d}" fill="${isFilled ? colour : isDashed === undefined ? palette.panel : 'none'}" stroke="${colour}" stroke-width="2"${isDashed ? ' stroke-dasharray="5 4"' : ''}/>`
  })
  return { ...table, svg: table.svg + arrows.join('') }
}

function drawTransactions({ transactions }: EngineState, changed: Changes, palette: Palette): Drawn {
  return drawTable(
    {
      title: 'Transaction table',
      columns: ['txn', 'status', 'lastLSN', 'undoNextLSN'],
      rows: transactions.map(({ txnId, name, status, lastLsn, undoNextLsn }) => ({
        cells: [name, status, lsnText(lastLsn), lsnText(undoNextLsn)],
        isLit: changed.transactions.includes(txnId),
      })),
    },
    palette,
  )
}

function drawDirtyPages({ dirtyPages }: EngineState, changed: Changes, palette: Palette): Drawn {
  return drawTable(
    {
      title: 'Dirty page table',
      columns: ['page', 'recLSN'],
      rows: dirtyPages.map(({ pageId, page, recLsn }) => ({
        cells: [page, lsnText(recLsn)],
        isLit: changed.dirtyPages.includes(pageId),
      })),
    },
    palette,
  )
}

/** So many signs of a record's change and of a page's rows are shown. */
const TEXT_LENGTH = 60

function drawPages(title: string, pages: readonly PageView[], changed: readonly number[], palette: Palette): Drawn {
  return drawTable(
    {
      title,
      columns: ['page', 'pageLSN', 'content'],
      rows: pages.map(({ pageId, page, pageLsn, rows }) => ({
        cells: [
          page,
          lsnText(pageLsn),
          cut(rows.map(({ key, value }) => (key === '' ? value : `${key}: ${value}`)).join(', ')),
        ],
        isLit: changed.includes(pageId),
      })),
    },
    palette,
  )
}

const cut = (text: string): string => (text.length <= TEXT_LENGTH ? text : `${text.slice(0, TEXT_LENGTH - 1)}…`)

/** The picture in twice its size, for projectors. */
export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = image.naturalWidth * 2
  canvas.height = image.naturalHeight * 2
  const context = canvas.getContext('2d')
  if (context === null) throw new Error('This browser draws no pictures.')
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (blob === null) throw new Error('The picture is too large for this browser.')
  return blob
}

/** Hands a file to the reader. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
