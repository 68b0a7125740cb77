/** axe-core finds nothing, in both themes, at the sizes of a projector and of a phone, in every part of the page. */
import axe from 'axe-core'
import type { BrowserContextOptions } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type ExplorerPage, useExplorer } from './explorer-page.ts'

const explorer = useExplorer()

async function violations({ page }: ExplorerPage): Promise<string[]> {
  await page.evaluate(axe.source)
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`,
  )
}

const SIZES = {
  projector: { width: 1920, height: 1080 },
  phone: { width: 390, height: 844 },
} as const

/** What is opened, and how the part of the page is come to. */
type Parts = Readonly<Record<string, readonly [hash: string, ...keys: string[]]>>

const PAGES: Parts = {
  'the start page': [''],
  'a scenario at its end': ['#scenario=S01', 'End'],
  'the prediction': ['#scenario=S01&predict=1'],
}

const DIALOGS: Parts = {
  'all steps': ['#scenario=S01', 'l'],
  'the own scenario': ['#scenario=S01', 'o'],
  'the crash': ['', 'Home', 'c'],
  sharing: ['#scenario=S01', 's'],
  help: ['#scenario=S01', '?'],
}

async function check(
  options: BrowserContextOptions,
  [hash, ...keys]: readonly [hash: string, ...keys: string[]],
): Promise<void> {
  const reader = await explorer.open(hash, options)
  for (const key of keys) await reader.page.keyboard.press(key)
  expect(await violations(reader)).toEqual([])
  expect(await reader.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  await reader.close()
}

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  describe.each(Object.entries(SIZES))('%s', (_size, viewport) => {
    test.each(Object.entries(PAGES))('%s', async (_name, part) => {
      await check({ colorScheme, viewport }, part)
    })
  })

  // Dialogs are laid out alike at all sizes: the one where they are tightest is enough.
  test.each(Object.entries(DIALOGS))('%s', async (_name, part) => {
    await check({ colorScheme, viewport: SIZES.phone }, part)
  })
})
