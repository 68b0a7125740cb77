import { expect, test } from 'vitest'
import { SharedSync } from '../../src/io/shared-sync.ts'

/** A file whose syncs end when the test says so. */
class Syncs {
  readonly ends: { resolve: () => void; reject: (error: unknown) => void }[] = []
  readonly shared = new SharedSync(() => new Promise((resolve, reject) => this.ends.push({ resolve, reject })))
  readonly done: string[] = []

  request(name: string): void {
    this.shared.request().then(
      () => this.done.push(name),
      (error: Error) => this.done.push(`${name}: ${error.message}`),
    )
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('who asks while a sync is under way shares the next, which begins when that one has ended', async () => {
  const syncs = new Syncs()
  syncs.request('a')
  expect(syncs.ends, 'it begins at once').toHaveLength(1)
  syncs.request('b')
  syncs.request('c')
  await settle()
  expect(syncs.ends).toHaveLength(1)
  syncs.ends[0]?.resolve()
  await settle()
  expect([syncs.done, syncs.ends.length]).toEqual([['a'], 2])
  syncs.request('d')
  syncs.ends[1]?.resolve()
  await settle()
  expect([syncs.done, syncs.ends.length]).toEqual([['a', 'b', 'c'], 3])
  syncs.ends[2]?.resolve()
  await settle()
  expect(syncs.done).toEqual(['a', 'b', 'c', 'd'])
  syncs.request('e')
  expect(syncs.ends, 'nothing was under way').toHaveLength(4)
})

test('who asks at the moment one ends does not begin a second beside the next', async () => {
  const syncs = new Syncs()
  const asked = syncs.shared.request().then(() => syncs.request('late'))
  syncs.request('b')
  syncs.ends[0]?.resolve()
  await asked
  await settle()
  expect(syncs.ends).toHaveLength(2)
  syncs.ends[1]?.resolve()
  await settle()
  syncs.ends[2]?.resolve()
  await settle()
  expect(syncs.done).toEqual(['b', 'late'])
})

test('a failure reaches those who waited for that sync, and only them', async () => {
  const syncs = new Syncs()
  syncs.request('a')
  syncs.request('b')
  syncs.ends[0]?.reject(new Error('no'))
  await settle()
  syncs.ends[1]?.resolve()
  await settle()
  expect(syncs.done).toEqual(['a: no', 'b'])
})
