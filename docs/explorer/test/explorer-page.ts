/** The explorer as its reader sees it: what is pressed, and what then stands on the page. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { launchBrowser, type Site, serve } from './site.ts'

export interface TransactionLine {
  readonly txn: string
  readonly status: string
  readonly lastLsn: string
}

/** What the two tables show. */
export interface Tables {
  readonly transactions: readonly TransactionLine[]
  readonly dirtyPages: readonly { readonly page: string; readonly recLsn: string }[]
}

export class ExplorerPage {
  readonly page: Page
  /** Errors of the page's script, and of what it could not load. */
  readonly errors: string[] = []

  constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text())
    })
  }

  /** The number of the step that is shown, from 0; waits until there is one. */
  async step(): Promise<number> {
    return Number(await this.page.locator('.told[data-step]').getAttribute('data-step'))
  }

  async stepCount(): Promise<number> {
    return Number(await this.page.getByRole('slider', { name: 'Step' }).getAttribute('max')) + 1
  }

  async waitForOtherStepCount(count: number): Promise<void> {
    const slider = this.page.getByRole('slider', { name: 'Step' })
    await slider.and(this.page.locator(`:not([max="${count - 1}"])`)).waitFor()
  }

  async waitForStep(step: number): Promise<void> {
    await this.page.locator(`.told[data-step="${step}"]`).waitFor()
  }

  async phase(): Promise<string> {
    return (await this.page.locator('.phase-line .phase').textContent()) ?? ''
  }

  /** Clicks through all steps that are left, a step a frame, and returns the number and the sentence of each. */
  async clickThrough(): Promise<readonly { readonly step: number; readonly sentence: string }[]> {
    return await this.page.evaluate(async () => {
      const told = document.querySelector<HTMLElement>('.told[data-step]')
      const next = document.querySelector<HTMLElement>('[aria-label="Next step"]')
      const seen: { step: number; sentence: string }[] = []
      for (;;) {
        seen.push({ step: Number(told?.dataset['step']), sentence: told?.textContent ?? '' })
        if (next?.ariaDisabled !== 'false') return seen
        next.click()
        await new Promise(requestAnimationFrame)
      }
    })
  }

  /** How many of the known answers the engine has met, and how many there are. */
  async answers(): Promise<{ readonly equal: number; readonly all: number }> {
    const told = (await this.page.locator('#answers .aside').textContent()) ?? ''
    const [, equal, all] = /^(\d+) of (\d+) equal/.exec(told) ?? []
    return { equal: Number(equal), all: Number(all) }
  }

  async sentence(): Promise<string> {
    return (await this.page.locator('.told').textContent()) ?? ''
  }

  /** Presses a button or follows what has this name. */
  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click()
  }

  async tables(): Promise<Tables> {
    return await this.page.evaluate(() => {
      const cells = (panel: string) =>
        [...document.querySelectorAll(`#${panel} tbody tr`)].map((row) =>
          [...row.children].map((cell) => (cell.lastChild?.textContent ?? '').trim()),
        )
      return {
        transactions: cells('transactions').map(([txn = '', status = '', lastLsn = '']) => ({ txn, status, lastLsn })),
        dirtyPages: cells('dirty-pages').map(([page = '', recLsn = '']) => ({ page, recLsn })),
      }
    })
  }

  /** The pages of the buffer pool: page, pageLSN, rows. */
  async pool(): Promise<ReadonlyMap<string, { readonly pageLsn: string; readonly rows: Record<string, string> }>> {
    const pages = await this.page.evaluate(() =>
      [...document.querySelectorAll('#pages tbody tr')].flatMap((row) => {
        const cell = row.children[1]
        const lsn = cell?.querySelector('.page-lsn')?.textContent
        if (lsn === undefined || lsn === null) return []
        const rows = [...(cell?.querySelectorAll('.page-rows li') ?? [])].map((item) => [
          item.querySelector('.row-key')?.textContent ?? '',
          item.querySelector('.row-value')?.textContent ?? '',
        ])
        return [[row.getAttribute('data-page') ?? '', { pageLsn: lsn.replace('pageLSN ', ''), rows }] as const]
      }),
    )
    return new Map(pages.map(([page, { pageLsn, rows }]) => [page, { pageLsn, rows: Object.fromEntries(rows) }]))
  }

  /** LSNs and types in the log. */
  async log(): Promise<readonly { readonly lsn: string; readonly type: string; readonly isFlushed: boolean }[]> {
    return await this.page.evaluate(() =>
      [...document.querySelectorAll('#log tr[data-lsn]')].map((row) => ({
        lsn: row.getAttribute('data-lsn') ?? '',
        type: row.querySelector('.record-type')?.textContent ?? '',
        isFlushed: row.closest('tbody')?.className === 'durable',
      })),
    )
  }

  async close(): Promise<void> {
    await this.page.context().close()
    expect(this.errors).toEqual([])
  }
}

/** A browser and the built site for the tests of a file. */
export function useExplorer() {
  let site: Site
  let browser: Browser
  beforeAll(async () => {
    site = await serve()
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await site.close()
  })
  return {
    url: () => site.url,
    /** Opens the explorer at `hash`, and waits until it shows a step. */
    async open(hash = '', options: BrowserContextOptions = {}): Promise<ExplorerPage> {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
      const explorer = new ExplorerPage(await context.newPage())
      await explorer.page.goto(site.url + hash)
      await explorer.step()
      return explorer
    },
  }
}
