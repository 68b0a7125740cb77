/** Lazy commits of one moment share a write, and what that means for each of them. */
import { describe, expect, test } from 'vitest'
import { LazyCommits } from '../../src/txn/lazy-commits.ts'

/** Commits by name, and what happened in order. */
class Bench {
  readonly events: string[] = []
  failure: Error | undefined
  pause: Promise<void> | undefined
  readonly commits = new LazyCommits<string>({
    writeOut: () => {
      this.events.push('written')
      if (this.failure !== undefined) throw this.failure
    },
    committed: (name) => this.events.push(`${name} committed`),
    ended: (count) => {
      this.events.push(`${count} ended`)
      return this.pause
    },
  })

  commit(name: string): Promise<void> {
    return this.commits.join(name).then(() => {
      this.events.push(`${name} acknowledged`)
    })
  }
}

describe('lazy commits', () => {
  test('of one moment are written once, and acknowledged in their order', async () => {
    const bench = new Bench()
    await Promise.all(['a', 'b'].map((name) => bench.commit(name)))
    const after = ['a acknowledged', 'b acknowledged']
    expect(bench.events).toEqual(['written', 'a committed', 'b committed', '2 ended', ...after])
    await bench.commit('c')
    expect(bench.events.slice(6)).toEqual(['written', 'c committed', '1 ended', 'c acknowledged'])
  })

  test('do not pile up while nobody waits for them', () => {
    const bench = new Bench()
    for (let i = 0; i < 1000; i++) void bench.commit(String(i))
    expect(bench.events.filter((event) => event === 'written')).toHaveLength(3)
  })

  test('are written at once when somebody asks, and not again', async () => {
    const bench = new Bench()
    const committing = bench.commit('a')
    expect([bench.commits.end(), bench.commits.end()]).toEqual([true, false])
    expect(bench.events).toEqual(['written', 'a committed', '1 ended'])
    const next = bench.commit('b')
    await Promise.all([committing, next])
    expect(bench.events.slice(3)).toEqual(['a acknowledged', 'written', 'b committed', '1 ended', 'b acknowledged'])
  })

  test('are all of unknown outcome when the write fails', async () => {
    const bench = new Bench()
    bench.failure = new Error('no')
    const results = await Promise.allSettled(['a', 'b'].map((name) => bench.commit(name)))
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TX_OUTCOME_UNKNOWN', cause: bench.failure } })
    }
    expect(bench.events).toEqual(['written', '2 ended'])
  })

  test('give way together', async () => {
    const bench = new Bench()
    let goOn!: () => void
    bench.pause = new Promise((resolve) => {
      goOn = resolve
    })
    const committing = bench.commit('a')
    for (let i = 0; i < 10; i++) await Promise.resolve()
    expect(bench.events).toEqual(['written', 'a committed', '1 ended'])
    goOn()
    await committing
    expect(bench.events).toEqual(['written', 'a committed', '1 ended', 'a acknowledged'])
  })
})
