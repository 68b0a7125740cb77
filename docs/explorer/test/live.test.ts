/** A live session made with the pointer: work, crashes, restarts, and the address that leads to all of it. */
import { expect, test } from 'vitest'
import { type ExplorerPage, useExplorer } from './explorer-page.ts'

const explorer = useExplorer()

async function openEmpty(): Promise<ExplorerPage> {
  const reader = await explorer.open()
  await reader.page.locator('select[name=menu]').selectOption({ label: 'An empty database' })
  await reader.page.locator('[data-action=begin]').waitFor()
  return reader
}

/** Does an action, and waits until the page shows what has come of it. */
async function act(reader: ExplorerPage, action: string): Promise<void> {
  const before = await reader.stepCount()
  await reader.page.locator(`[data-action=${action}]`).click()
  await reader.waitForOtherStepCount(before)
}

async function put(reader: ExplorerPage, key: string, value: string): Promise<void> {
  await reader.page.locator('input[name=key]').fill(key)
  await reader.page.locator('input[name=value]').fill(value)
  await act(reader, 'put')
}

async function crash({ page }: ExplorerPage, choice = /nothing that was not synced/): Promise<void> {
  await page.locator('[data-action=crash]').click()
  // Nothing is asked when nothing is at stake.
  if ((await page.getByLabel(choice).count()) > 0) await page.getByLabel(choice).check()
  await page.getByRole('button', { name: 'Crash', exact: true }).click()
  await page.locator('.step-title', { hasText: /^crash$/ }).waitFor()
}

/** T1 commits alice; T2 has written bob and carol, which are durable in the log and not committed. */
async function workAndCrash(reader: ExplorerPage): Promise<void> {
  await act(reader, 'begin')
  await put(reader, 'alice', '100')
  await act(reader, 'commit')
  await act(reader, 'begin')
  await put(reader, 'bob', '50')
  await put(reader, 'carol', '7')
  await act(reader, 'flushLog')
  await crash(reader)
}

/** Flushes the first page that is dirty. */
async function flushPage(reader: ExplorerPage): Promise<void> {
  const before = await reader.stepCount()
  await reader.page.locator('[data-action=flushPage]').selectOption({ index: 1 })
  await reader.waitForOtherStepCount(before)
}

/** All rows that the pages in the pool hold, of whatever page. */
async function rowsOf(reader: ExplorerPage): Promise<Record<string, string>> {
  return Object.assign({}, ...[...(await reader.pool()).values()].map(({ rows }) => rows))
}

/** Steps on until the page shows this phase. */
async function stepTo(reader: ExplorerPage, phase: string): Promise<void> {
  const last = (await reader.stepCount()) - 1
  while ((await reader.phase()) !== phase) {
    const step = await reader.step()
    expect(step).toBeLessThan(last)
    await reader.press('Next step')
    await reader.waitForStep(step + 1)
  }
}

async function stepBackTo(reader: ExplorerPage, title: string): Promise<void> {
  while ((await reader.page.locator('.step-title').textContent()) !== title) {
    const step = await reader.step()
    expect(step).toBeGreaterThan(0)
    await reader.press('Previous step')
    await reader.waitForStep(step - 1)
  }
}

test('a crash in the restart: nothing is compensated twice, the winner stays, the loser goes', async () => {
  const reader = await openEmpty()
  await workAndCrash(reader)
  expect(await reader.phase()).toBe('Crashed')
  expect((await reader.tables()).transactions).toEqual([])
  await act(reader, 'restart')
  await stepTo(reader, 'Undo')
  while (!(await reader.log()).some(({ type }) => type === 'clr')) {
    const step = await reader.step()
    await reader.press('Next step')
    await reader.waitForStep(step + 1)
  }
  await crash(reader, /everything that was written/)
  expect(await reader.phase()).toBe('Crashed')
  await act(reader, 'restart')
  await reader.page.keyboard.press('End')
  expect(await reader.phase()).toBe('Normal work')
  expect(await rowsOf(reader)).toMatchObject({ alice: '100' })
  expect(Object.keys(await rowsOf(reader))).not.toContain('bob')
  expect((await reader.log()).filter(({ type }) => type === 'clr')).toHaveLength(2)
  await reader.close()
})

test('the address leads to the same step of the same session', async () => {
  const reader = await openEmpty()
  await workAndCrash(reader)
  await act(reader, 'restart')
  await stepTo(reader, 'Redo')
  const shown = async (page: ExplorerPage) => [
    await page.step(),
    await page.sentence(),
    await page.tables(),
    await page.log(),
  ]
  const expected = await shown(reader)
  await reader.page.waitForURL(new RegExp(`step=${await reader.step()}$`))
  const other = await explorer.open(new URL(reader.page.url()).hash)
  expect(await shown(other)).toEqual(expected)
  await other.close()
  await reader.close()
})

test('what is not flushed is set apart in the log, and a crash takes it', async () => {
  const reader = await openEmpty()
  await act(reader, 'begin')
  await put(reader, 'alice', '100')
  const volatile = (await reader.log()).filter(({ isFlushed }) => !isFlushed)
  expect(volatile.length).toBeGreaterThan(0)
  await crash(reader)
  const left = (await reader.log()).map(({ lsn }) => lsn)
  expect(left.filter((lsn) => volatile.some((record) => record.lsn === lsn))).toEqual([])
  await reader.close()
})

test('savepoints, a wait for a lock, a checkpoint and a page flush', async () => {
  const reader = await openEmpty()
  await act(reader, 'begin')
  await put(reader, 'alice', '1')
  await act(reader, 'savepoint')
  await put(reader, 'alice', '2')
  await act(reader, 'rollbackTo')
  expect(await rowsOf(reader)).toMatchObject({ alice: '1' })
  await act(reader, 'begin')
  await put(reader, 'alice', '3')
  await reader.page.locator('#locks').getByText('(waits)').waitFor()
  await reader.page.locator('select[name=transaction]').selectOption('T1')
  await act(reader, 'commit')
  expect(await reader.page.locator('#locks').getByText('(waits)').count()).toBe(0)
  await act(reader, 'checkpoint')
  expect(await reader.page.locator('.master-tag').count()).toBe(1)
  const before = (await reader.tables()).dirtyPages.length
  await flushPage(reader)
  expect((await reader.tables()).dirtyPages.length).toBe(before - 1)
  await reader.close()
})

test('a page split is shown as a tree', async () => {
  const reader = await openEmpty()
  await act(reader, 'begin')
  for (let fill = 0; fill < 4 && (await reader.page.locator('.tree ul ul .node').count()) < 2; fill++)
    await act(reader, 'fill')
  expect(await reader.page.locator('.tree ul ul .node').count()).toBeGreaterThanOrEqual(2)
  await reader.close()
})

test('a write that is torn by the crash', async () => {
  const reader = await openEmpty()
  await workAndCrash(reader)
  await act(reader, 'restart')
  await reader.page.keyboard.press('End')
  await act(reader, 'begin')
  await put(reader, 'dave', '1')
  await flushPage(reader)
  await stepBackTo(reader, 'write to the data file')
  await reader.page.locator('[data-action=crash]').click()
  await reader.page.getByLabel(/choose what survives/).check()
  await reader.page.locator('.sector input').first().check()
  await reader.page.getByRole('button', { name: 'Crash', exact: true }).click()
  await reader.page.locator('[data-action=restart]').waitFor()
  await reader.page.getByText('torn: checksum fails').waitFor()
  await act(reader, 'restart')
  await reader.page.keyboard.press('End')
  expect(await reader.phase()).toBe('Normal work')
  expect(await rowsOf(reader)).toMatchObject({ alice: '100' })
  await reader.close()
})

test('an action at an earlier step drops what came later', async () => {
  const reader = await openEmpty()
  await act(reader, 'begin')
  await put(reader, 'alice', '1')
  const count = await reader.stepCount()
  await reader.page.keyboard.press('Home')
  await reader.page.getByText(/drops the \d+ steps after/).waitFor()
  await act(reader, 'flushLog')
  expect(await reader.stepCount()).toBeLessThan(count)
  await reader.close()
})
