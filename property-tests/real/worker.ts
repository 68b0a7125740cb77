/**
 * The working process, the one that is killed: opens the database, tells all that it holds, then lets
 * clients work on it until SIGTERM asks it to close, or the engine has stopped. Its argument is a `Job`.
 */
import { setTimeout } from 'node:timers/promises'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { AriesError, type Database, open } from '../../src/index.ts'
import { Client, type Office } from './client.ts'
import { DATABASE_OPTIONS, listingOf, restartOf } from './look.ts'
import { type Job, tell } from './protocol.ts'

/** More than a process ever writes, and few enough for the stamps of all lives to stay whole numbers. */
const STAMPS_A_LIFE = 2 ** 32
const CARETAKER_PAUSE_MS_MAX = 60

const job = JSON.parse(process.argv[2] as string) as Job
let isStopping = false
process.once('SIGTERM', () => {
  isStopping = true
})

function tellOf(event: 'refused' | 'failed', error: unknown): void {
  const code = AriesError.is(error) ? error.code : 'none'
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  tell({ event, code, message })
}

/** Takes a flush or a checkpoint now and then, besides those that the engine decides on. */
async function takeCare({ database, random, isStopping }: Office): Promise<void> {
  while (!isStopping()) {
    await setTimeout(randomBelow(random, CARETAKER_PAUSE_MS_MAX))
    try {
      if (random() < 0.5) {
        await database.checkpoint()
      } else {
        tell({ event: 'flush' })
        await database.flush()
        tell({ event: 'flushed' })
      }
    } catch (error) {
      if (AriesError.is(error) && error.code === 'DISK_FULL') continue
      tellOf('failed', error)
      return
    }
  }
}

async function work(database: Database): Promise<void> {
  let id = 0
  let stamp = job.life * STAMPS_A_LIFE
  const office: Office = {
    database,
    random: randomFrom(job.seed + job.life),
    nextId: () => id++,
    nextStamp: () => stamp++,
    isStopping: () => isStopping,
  }
  const clients = Array.from({ length: job.clients }, (_, index) => new Client(office, index).run())
  await Promise.all([...clients, takeCare(office)])
}

/** Undefined when it could not be opened, and that was told. */
async function openAndTell(): Promise<Database | undefined> {
  tell({ event: 'opening' })
  try {
    const database = await open(job.directory, { ...DATABASE_OPTIONS, deferRedo: job.life % 2 === 1 })
    const problems = database.check()
    tell({ event: 'opened', restart: restartOf(database.recovery), problems, listing: await listingOf(database) })
    return database
  } catch (error) {
    tellOf('refused', error)
    return undefined
  }
}

const database = await openAndTell()
if (database !== undefined) {
  await work(database)
  try {
    await database.close()
    tell({ event: 'closed' })
  } catch (error) {
    tellOf('failed', error)
  }
}
