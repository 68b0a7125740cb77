/** Drawings of bytes: the header of a log record, and that of a page. */
import { Drawing, type Fill } from './drawing.ts'

type Field = readonly [name: string, bytes: number, fill: Fill, value?: string]

/** Fields in rows of `bytesPerRow`, their offsets at the left. */
function rows(drawing: Drawing, fields: readonly Field[], bytesPerRow: number): Drawing {
  const byteWidth = 640 / bytesPerRow
  let offset = 0
  for (const [name, bytes, fill, value] of fields) {
    const row = Math.floor(offset / bytesPerRow)
    const x = 90 + (offset % bytesPerRow) * byteWidth
    const y = 20 + row * 62
    if (offset % bytesPerRow === 0) drawing.text(74, y + 32, String(offset), 'faint', 'end')
    drawing.labelled(x, y, bytes * byteWidth, 52, value === undefined ? [name] : [name, value], fill)
    offset += bytes
  }
  return drawing
}

/** The record at LSN 832 of the worked example in docs/log-format.md. */
export function bytesOfRecord(): Drawing {
  const drawing = new Drawing(
    760,
    270,
    'The 49 bytes of a log record: length 49, CRC-32, type UPDATE, resource manager B+tree, operation INSERT, flags, page 3, transaction 3, prevLSN none, and the payload with slot, key length, tree, flags, key apple and value red.',
  )
  return rows(
    drawing,
    [
      ['length', 4, '', '49'],
      ['CRC-32', 4, 'three', 'd2f77540'],
      ['type', 1, 'one', '2'],
      ['rm', 1, 'one', '2'],
      ['op', 1, 'one', '3'],
      ['flg', 1, 'one', '0'],
      ['pageId', 4, 'one', '3'],
      ['transaction', 8, 'one', '3'],
      ['prevLSN', 8, 'one', '0: its first record'],
      ['slot', 2, 'two', '0'],
      ['key len', 2, 'two', '5'],
      ['tree', 4, 'two', '3'],
      ['flg', 1, 'two', '0'],
      ['key', 5, 'two', 'apple'],
      ['va', 2, 'two', 're'],
      ['l', 1, 'two', 'd'],
    ],
    16,
  ).text(
    140,
    240,
    'header, 32 bytes, of every record; then the payload, as its resource manager wants it',
    'faint',
    'start',
  )
}

/** The 32 bytes that begin every page. */
export function pageHeader(): Drawing {
  const drawing = new Drawing(
    760,
    160,
    'The first 32 bytes of every page: checksum, page number, pageLSN, type and further fields.',
  )
  return rows(
    drawing,
    [
      ['checksum', 4, 'three', 'covers the rest'],
      ['pageId', 4, 'one', 'its place'],
      ['pageLSN', 8, 'two', 'the last change that is on the page'],
      ['type', 1, ''],
      ['what the kind of page needs', 15, ''],
    ],
    16,
  )
}
