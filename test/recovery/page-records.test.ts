/** Which records each page has: in the order of the log, however they came. */
import { describe, expect, test } from 'vitest'
import { asLsn, asPageId, NO_PAGE } from '../../src/common/ids.ts'
import { LogRecordView } from '../../src/log/log-record.ts'
import { PageRecords } from '../../src/recovery/page-records.ts'
import { recordOf } from './redo-records.ts'

const P3 = asPageId(3)
const P7 = asPageId(7)
const add = (records: PageRecords, pageId: number, lsn: number): void =>
  records.add(recordOf({ lsn, pageId, payload: [] }))

describe('the records of pages', () => {
  test('are in the order of the log, also when the older ones come later', () => {
    const records = new PageRecords()
    add(records, 7, 160)
    add(records, 3, 200)
    add(records, 7, 240)
    add(records, 7, 80)
    expect(records.of(P7)).toEqual([80, 160, 240])
    expect(records.of(P3)).toEqual([200])
    expect(records.of(asPageId(5))).toEqual([])
    expect([...records.pages()]).toEqual([7, 3])
    expect([records.count, records.pageCount]).toEqual([4, 2])
  })

  test('many of them', () => {
    const records = new PageRecords()
    for (let i = 0; i < 5000; i++) add(records, i % 7, 8 * (i + 1))
    expect(records.count).toBe(5000)
    expect(records.of(P3)).toEqual(Array.from({ length: 714 }, (_, i) => 8 * (7 * i + 4)))
  })

  test('those of no page are not noted', () => {
    const records = new PageRecords()
    const record = recordOf({ lsn: 80, pageId: NO_PAGE, payload: [] })
    expect(record).toBeInstanceOf(LogRecordView)
    records.add(record)
    expect([records.count, records.pageCount]).toEqual([0, 0])
  })

  test('a page that is deleted is passed over by who is on the way', () => {
    const records = new PageRecords()
    for (const pageId of [7, 3, 9]) add(records, pageId, asLsn(8 * pageId))
    const pages = records.pages()
    expect(pages.next().value).toBe(7)
    records.delete(P7)
    records.delete(P3)
    expect(records.has(P3)).toBe(false)
    expect(pages.next().value).toBe(9)
    expect(records.pageCount).toBe(1)
  })
})
