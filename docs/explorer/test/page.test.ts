/** What the page itself promises: keys, own scenarios, predict mode, pictures, links, frames. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type ExplorerPage, useExplorer } from './explorer-page.ts'

const explorer = useExplorer()

const focused = ({ page }: ExplorerPage): Promise<string> =>
  page.evaluate(
    () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? '',
  )

test('all of it by the keyboard: step, play, crash, restart, help', async () => {
  const reader = await explorer.open()
  const { keyboard } = reader.page
  await keyboard.press('Home')
  await reader.waitForStep(0)
  await keyboard.press('ArrowRight')
  await reader.waitForStep(1)
  await keyboard.press('ArrowLeft')
  await reader.waitForStep(0)
  await keyboard.press('Space')
  await reader.waitForStep(1)
  await keyboard.press('Space')
  await reader.page.getByRole('button', { name: 'Play', exact: true }).waitFor()
  await keyboard.press('End')
  await reader.waitForStep((await reader.stepCount()) - 1)

  await keyboard.press('c')
  await reader.page.getByRole('dialog', { name: 'Crash here' }).waitFor()
  await keyboard.press('Enter')
  await reader.page.locator('[data-action=restart]').waitFor()
  await keyboard.press('r')
  await reader.page.getByText('Analysis', { exact: true }).first().waitFor()

  await keyboard.press('?')
  await reader.page.getByRole('dialog', { name: 'Help' }).waitFor()
  await keyboard.press('Escape')
  await reader.page.getByRole('dialog').waitFor({ state: 'detached' })
  await reader.close()
})

test('the focus comes to everything in the order of the page, and is seen', async () => {
  const reader = await explorer.open('#scenario=S01')
  const order: string[] = []
  await reader.page.locator('h1').click()
  for (let press = 0; press < 40; press++) {
    await reader.page.keyboard.press('Tab')
    const name = await focused(reader)
    // From the last of all, the focus leaves the page.
    if (await reader.page.evaluate(() => document.activeElement === document.body)) break
    order.push(name)
    const outline = await reader.page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)
    expect([name, outline]).toEqual([name, 'solid'])
  }
  const places = ['Own scenario…', 'Predict', 'Share…', 'Help', 'Previous step', 'Next step', 'Step'].map((name) =>
    order.indexOf(name),
  )
  expect(places).toEqual([...places].sort((a, b) => a - b))
  expect(places).not.toContain(-1)
  await reader.close()
})

test('the letter keys can be switched off', async () => {
  const reader = await explorer.open('#scenario=S01')
  await reader.page.keyboard.press('?')
  await reader.page.getByLabel(/Letters and signs are keys/).uncheck()
  await reader.page.keyboard.press('Escape')
  // Closed, it is no dialog to the browser any more, but has the focus until it is gone.
  await reader.page.locator('dialog').waitFor({ state: 'detached' })
  await reader.page.keyboard.press('n')
  await reader.page.keyboard.press('ArrowRight')
  await reader.waitForStep(1)
  await reader.close()
})

test('an own scenario: its error is marked where it is, and it runs when it is mended', async () => {
  const reader = await explorer.open('#scenario=S01')
  await reader.press('Own scenario…')
  const area = reader.page.getByLabel('Scenario in the text notation')
  const good = await area.inputValue()
  expect(good).toContain('scenario S01')
  const lines = good.split('\n')
  const wrong = lines.findIndex((line) => / update /.test(line))
  const bad = lines.map((line, index) => (index === wrong ? line.replace(' update ', ' updaet ') : line)).join('\n')
  await area.fill(bad)
  const column = (lines[wrong] ?? '').indexOf(' update ') + 2
  await reader.page.getByText(`Line ${wrong + 1}, column ${column}`).waitFor()
  expect(await reader.page.locator('.editor mark').textContent()).toBe('updaet')
  expect(await reader.page.getByRole('button', { name: 'Run' }).isDisabled()).toBe(true)
  await area.fill(good.replace('scenario S01', 'scenario mine'))
  await reader.press('Run')
  await reader.page.getByRole('dialog').waitFor({ state: 'detached' })
  await reader.page.waitForURL(/#text=/)
  const other = await explorer.open(new URL(reader.page.url()).hash)
  expect(await other.log()).toEqual(await reader.log())
  await other.close()
  await reader.close()
})

test('a wrong prediction is marked cell by cell, and nothing of the restart is shown before', async () => {
  const reader = await explorer.open('#scenario=S01&step=6&predict=1')
  expect(await reader.step()).toBe(0)
  await reader.page.keyboard.press('End')
  expect(await reader.step()).toBe(0)
  expect(await reader.page.locator('#transactions').count()).toBe(0)
  expect(await reader.page.locator('#answers').count()).toBe(0)
  await reader.page.getByLabel('Transaction table, row 1, txn').fill('T1')
  await reader.page.getByLabel('Transaction table, row 1, status').selectOption('committing')
  await reader.page.getByLabel('Transaction table, row 1, lastLSN').fill('80')
  await reader.press('Check')
  await reader.page.locator('.score').waitFor()
  const marks = await reader.page.locator('.marks tbody tr').first().locator('td').allInnerTexts()
  expect(marks.map((text) => text[0])).toEqual(['✓', '✗', '✓'])
  expect(marks[1]).toContain('running')
  await reader.press('Try again')
  expect(await reader.page.getByLabel('Transaction table, row 1, lastLSN').inputValue()).toBe('80')
  await reader.close()
})

test('in predict mode the task comes first, and what the comparison has come to only at the end', async () => {
  const reader = await explorer.open('#scenario=S07&predict=1')
  const verdict = 'tables and redo are equal too'
  expect(await reader.sentence()).toMatch(/^Predict: fill in both tables/)
  expect(await reader.sentence()).not.toContain(verdict)
  // The source of an exercise may give its answers away.
  expect(await reader.page.locator('.origin').count()).toBe(0)
  await reader.press('Show without an answer')
  expect(await reader.sentence()).not.toContain(verdict)
  await reader.page.keyboard.press('End')
  expect(await reader.sentence()).toContain(verdict)
  await reader.close()
})

test('on a laptop the log and the pages are in sight while the tables are predicted', async () => {
  const reader = await explorer.open('#scenario=S01&predict=1', { viewport: { width: 1280, height: 800 } })
  for (const panel of ['#log', '#predict', '#pages']) {
    const box = await reader.page.locator(panel).boundingBox()
    expect([panel, (box?.y ?? 800) + (box?.height ?? 0) <= 800]).toEqual([panel, true])
  }
  await reader.close()
})

test('an exercise that cannot be shown says so, and has no steps to go through', async () => {
  const reader = await explorer.open('#scenario=S01')
  await reader.page.locator('select[name=menu]').selectOption('scenario S10')
  await reader.page.getByText(/^Not applicable: it logs the freeing of a page/).waitFor()
  expect(await reader.page.getByRole('navigation', { name: 'Steps' }).count()).toBe(0)
  await reader.close()
})

test('on a phone what has happened leaves most of the window to the panels', async () => {
  const reader = await explorer.open('#scenario=S07&predict=1', { viewport: { width: 390, height: 844 } })
  const guide = await reader.page.locator('.guide').boundingBox()
  expect(guide?.height).toBeLessThan(844 / 3)
  await reader.close()
})

test('where there is no room for a whole sentence, each step is told from its beginning', async () => {
  const reader = await explorer.open('#scenario=S01&step=1', { viewport: { width: 320, height: 400 } })
  const sentence = reader.page.getByRole('region', { name: 'What has happened' })
  const hidden = () => sentence.evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)
  const scrolled = () => sentence.evaluate(({ scrollTop }) => scrollTop)
  await sentence.evaluate((element) => {
    element.scrollTop = 10
  })
  expect(await scrolled()).toBe(10)
  await reader.press('Next step')
  await reader.waitForStep(2)
  expect(await hidden()).toBeGreaterThan(10)
  expect(await scrolled()).toBe(0)
  await reader.close()
})

test.each([
  ['a laptop', 1280, 800],
  ['a tablet', 820, 1180],
  ['a phone', 390, 844],
])('on %s, a CLR shows all of what it compensates, and its undoNextLSN', async (_name, width, height) => {
  const reader = await explorer.open('#scenario=S01', { viewport: { width, height } })
  await reader.page.keyboard.press('End')
  const clr = reader.page.locator('#log tr[data-lsn="110"]')
  const change = clr.locator('td.change')
  expect(await change.textContent()).toBe('v back to b1, undoes 60')
  expect(await change.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)).toBe(true)
  const undoNextLsn = clr.locator('td.undo-next-lsn')
  expect(await undoNextLsn.textContent()).toBe('40')
  // Where the columns have no heads, the cell says itself what it is.
  const label = await undoNextLsn.evaluate((cell) => getComputedStyle(cell, '::before').content)
  const isHeadShown = await reader.page.locator('#log thead').isVisible()
  expect([label.includes('undoNextLSN'), isHeadShown]).toEqual(width < 640 ? [true, false] : [false, true])
  await reader.close()
})

async function saved({ page }: ExplorerPage, kind: string): Promise<Buffer> {
  const download = page.waitForEvent('download')
  await page.locator(`[data-save=${kind}]`).click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(new RegExp(`^aries-step-\\d+\\.${kind}$`))
  return readFileSync(await file.path())
}

test('the picture is saved as SVG and PNG', async () => {
  const reader = await explorer.open('#scenario=S01')
  await reader.page.keyboard.press('End')
  await reader.press('Share…')
  const svg = (await saved(reader, 'svg')).toString()
  const parsed = await reader.page.evaluate((text) => {
    const picture = new DOMParser().parseFromString(text, 'image/svg+xml')
    return {
      errors: picture.querySelectorAll('parsererror').length,
      texts: [...picture.querySelectorAll('text')].map((element) => element.textContent),
      paths: picture.querySelectorAll('path').length,
    }
  }, svg)
  expect(parsed.errors).toBe(0)
  for (const { lsn } of await reader.log()) expect(parsed.texts).toContain(lsn)
  expect(parsed.paths).toBeGreaterThan(10)
  const png = await saved(reader, 'png')
  expect(png.subarray(1, 4).toString()).toBe('PNG')
  expect(png.readUInt32BE(16)).toBeGreaterThan(1000)
  await reader.close()
})

test('a link that cannot be read says so', async () => {
  const reader = await explorer.open('#actions=%%%')
  expect(await reader.page.getByRole('alert').textContent()).toMatch(/cannot be read/)
  await reader.close()
})

test('it works in a frame, from which it can be opened by itself', async () => {
  const reader = await explorer.open()
  await reader.page.setContent(
    // Without an icon the browser may ask the server for one.
    `<link rel="icon" href="data:,"><iframe src="${explorer.url()}#scenario=S01" title="explorer" width="1000" height="700"></iframe>`,
  )
  const frame = reader.page.frameLocator('iframe')
  await frame.locator('.told[data-step="0"]').waitFor()
  await frame.getByRole('button', { name: 'Next step' }).click()
  await frame.locator('.told[data-step="1"]').waitFor()
  expect(await frame.getByText('Open by itself').getAttribute('href')).toMatch(/#scenario=S01&step=1/)
  await reader.close()
})

test('the theme follows the system until the reader chooses', async () => {
  const reader = await explorer.open('', { colorScheme: 'dark' })
  const ground = () => reader.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const dark = await ground()
  await reader.page.emulateMedia({ colorScheme: 'light' })
  const light = await ground()
  expect(light).not.toBe(dark)
  await reader.press('Dark theme')
  await expect.poll(ground).toBe(dark)
  await reader.page.reload()
  await reader.step()
  expect(await ground()).toBe(dark)
  await reader.close()
})

test('an address that is asked for right after a step is gone to, and not written over with that of the step', async () => {
  const reader = await explorer.open('#scenario=D11')
  await reader.page.evaluate(async () => {
    // The address of the step is written when its timer is due: here between somebody's asking and the event of that.
    const { setTimeout } = window
    let writeAddress: (() => void) | undefined
    const holdBack = (callback: () => void, delayMs?: number): number => {
      if (delayMs !== 150) return setTimeout(callback, delayMs)
      writeAddress = callback
      return 0
    }
    window.setTimeout = holdBack as typeof setTimeout
    document.querySelector<HTMLElement>('[aria-label="Next step"]')?.click()
    while (writeAddress === undefined) await new Promise((resolve) => setTimeout(resolve))
    window.setTimeout = setTimeout
    location.hash = '#scenario=D13'
    writeAddress()
  })
  await reader.page.locator('main[data-shown="D13"]').waitFor()
  await reader.close()
})
