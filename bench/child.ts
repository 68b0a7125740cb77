/** One measurement of one engine, in this process and nothing else in it. What to do comes as a message, and the figures go back as one. */
import { mkdirSync } from 'node:fs'
import { keyFor, valueFor } from './data.ts'
import { engineOf } from './engines/index.ts'
import { load } from './load.ts'
import { CACHE_BYTES, type Context, rowsOf } from './measurement.ts'
import type { Answer, Task } from './task.ts'
import { measurementOf } from './workloads/index.ts'

const send = (answer: Answer): Promise<void> =>
  new Promise((resolve, reject) => process.send?.(answer, (error: Error | null) => (error ? reject(error) : resolve())))

async function perform(task: Task): Promise<Answer> {
  const engine = engineOf(task.engine)
  const measurement = measurementOf(task.measurement)
  mkdirSync(task.directory, { recursive: true })
  const { level, dataset, scalesCache = false } = measurement
  const cacheBytes = measurement.cacheBytes * (scalesCache ? task.scale : 1)
  const isBeyondCache = dataset?.isBeyondCache === true
  const context: Context = {
    engine,
    directory: task.directory,
    times: task.times,
    scale: task.scale,
    open: (options) => engine.open(task.directory, { level, cacheBytes, isBeyondCache, ...options }),
  }
  if (task.step === 'load') {
    if (dataset === undefined) throw new Error(`${measurement.id} has nothing to load`)
    const store = await context.open({ level: 'lazy', cacheBytes: CACHE_BYTES })
    await load(store, rowsOf(dataset, task.scale), dataset.order)
    await store.close()
    return {}
  }
  if (task.step === 'putDurably') {
    const store = await context.open({ level: 'full' })
    for (let i = 0; i < (task.puts ?? 0); i++) await store.put(keyFor(i), valueFor(i))
    await store.close()
    return {}
  }
  if (task.step === 'untilKilled') {
    return { figures: (await measurement.untilKilled?.(context)) ?? {} }
  }
  return { figures: await measurement.run(context) }
}

process.once('message', (task: Task) => {
  perform(task)
    .catch(
      (error: unknown): Answer => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
    .then(send)
    .then(() => {
      // Who is to be killed waits for it: a clean exit might tidy up.
      if (task.step !== 'untilKilled') process.exit(0)
    })
})
