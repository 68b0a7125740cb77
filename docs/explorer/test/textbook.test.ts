/**
 * Every textbook scenario in the page: predicted right from the known answers and marked so, the tables
 * and pages compared with the known answers, every step shown once.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ExplorerPage, type Tables, useExplorer } from './explorer-page.ts'

const SCENARIOS = fileURLToPath(new URL('../../../test/scenarios/', import.meta.url))

/** As far as the tests read the files of test/scenarios: their schema is told in docs/scenarios.md. */
interface Known {
  readonly id: string
  readonly title: string
  readonly kind: string
  readonly variant?: {
    readonly allocRecords?: boolean
    /** Its ABORT records, which others do not write, shift the LSNs after them. */
    readonly abortAtAnalysisEnd?: boolean
  }
  readonly episodes?: readonly Episode[]
}

interface Episode {
  readonly expected: {
    readonly analysis: {
      readonly att: Readonly<Record<string, { readonly status: string; readonly lastLsn: number | null }>>
      readonly dpt: Readonly<Record<string, number>>
    }
    readonly finalPages?: Readonly<
      Record<string, { readonly pageLsn: number | null; readonly data: Record<string, string> }>
    >
  }
}

const known = readdirSync(SCENARIOS)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(SCENARIOS + name, 'utf8')) as Known)

const isRestart = ({ kind, variant }: Known): boolean => kind.startsWith('restart') && variant?.allocRecords !== true

const explorer = useExplorer()

/** As the page writes an LSN. */
const lsnText = (lsn: number | null): string => (lsn === null ? '–' : String(lsn))

function answersOf({ expected: { analysis } }: Episode): Tables {
  return {
    transactions: Object.entries(analysis.att).map(([txn, { status, lastLsn }]) => ({
      txn,
      status,
      lastLsn: lsnText(lastLsn),
    })),
    dirtyPages: Object.entries(analysis.dpt).map(([page, recLsn]) => ({ page, recLsn: String(recLsn) })),
  }
}

const sorted = ({ transactions, dirtyPages }: Tables): Tables => ({
  transactions: [...transactions].sort((a, b) => a.txn.localeCompare(b.txn)),
  dirtyPages: [...dirtyPages].sort((a, b) => a.page.localeCompare(b.page)),
})

/** Types an answer into the form of predict mode. */
async function fillIn({ page }: ExplorerPage, { transactions, dirtyPages }: Tables): Promise<void> {
  const fill = async (table: string, rows: readonly object[], columns: readonly string[]) => {
    for (const [index, row] of rows.entries()) {
      if (index >= 3) await page.getByRole('button', { name: `Another row in ${table}` }).click()
      for (const [at, cell] of Object.values(row).entries()) {
        const field = page.getByLabel(`${table}, row ${index + 1}, ${columns[at]}`, { exact: true })
        if (columns[at] === 'status') await field.selectOption(cell)
        else await field.fill(cell)
      }
    }
  }
  await fill('Transaction table', transactions, ['txn', 'status', 'lastLSN'])
  await fill('Dirty page table', dirtyPages, ['page', 'recLSN'])
}

/** Opens a scenario in a page that shows another one. */
async function show(reader: ExplorerPage, hash: string): Promise<void> {
  await reader.page.evaluate((next) => {
    location.hash = next
  }, hash)
  const id = /=([^&]+)/.exec(hash)?.[1]
  await reader.page.locator(`main[data-shown="${id}"]`).waitFor()
}

describe('in one page, one after the other', () => {
  let reader: ExplorerPage
  beforeAll(async () => {
    reader = await explorer.open()
  })
  afterAll(() => reader.close())

  test.each(known.filter(isRestart))('$id $title', async ({ id, variant, episodes = [] }) => {
    await show(reader, `#scenario=${id}&predict=1`)
    for (const episode of episodes) {
      const answers = answersOf(episode)
      await reader.page.locator('#predict').waitFor()
      await fillIn(reader, answers)
      await reader.press('Check')
      const cells = answers.transactions.length * 3 + answers.dirtyPages.length * 2
      expect(await reader.page.locator('.score').textContent()).toBe(
        cells === 0 ? 'Right: both tables are empty.' : `${cells} of ${cells} cells are right.`,
      )
      await reader.press('Show the end of analysis')
      expect(sorted(await reader.tables())).toEqual(sorted(answers))
      await reader.page.keyboard.press('End')
    }
    expect(await reader.page.locator('#predict').count()).toBe(0)

    await reader.page.keyboard.press('Home')
    const seen = await reader.clickThrough()
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: await reader.stepCount() }, (_, step) => step))
    for (const { sentence } of seen) expect(sentence).toMatch(/\w.*\./)
    const finalPages = episodes.at(-1)?.expected.finalPages ?? {}
    const pool = await reader.pool()
    for (const [name, { pageLsn, data }] of Object.entries(finalPages)) {
      // A page that nobody needed is still on disk only.
      const page = pool.get(name)
      if (page === undefined) continue
      expect([name, page.rows]).toEqual([name, data])
      if (variant?.abortAtAnalysisEnd !== true) expect([name, page.pageLsn]).toEqual([name, lsnText(pageLsn)])
    }
    const { equal, all } = await reader.answers()
    expect(equal).toBe(all)
    expect(all).toBeGreaterThan(0)
  })

  test.each(known.filter((scenario) => !isRestart(scenario)))('$id $title: is shown', async ({ id, variant }) => {
    await show(reader, `#scenario=${id}`)
    if (variant?.allocRecords) {
      expect(await reader.page.locator('.told').textContent()).toMatch(/^Not applicable: it logs the freeing of a page/)
      return
    }
    await reader.page.keyboard.press('End')
    expect(await reader.step()).toBe((await reader.stepCount()) - 1)
    const { equal, all } = await reader.answers()
    expect(equal).toBe(all)
    expect(all).toBeGreaterThan(0)
  })
})
