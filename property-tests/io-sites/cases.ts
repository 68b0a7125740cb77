/**
 * The cases: for each way in which a scenario comes to a site, each fault that makes sense there, once and
 * for good. A case runs its scenario on a disk that fails so, and then looks at what the failure has left:
 * what a power cut before the close leaves, and what the close leaves, opened on a disk that is well.
 */
import { AriesError } from '../../src/common/errors.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { drive, openLab, problemsAfterRestart, readAll } from '../lab.ts'
import type { Effect, Model } from '../model.ts'
import type { Scenario } from './scenarios.ts'
import { Session } from './session.ts'
import { applies, FAULTS, type Injection, isPassedOver, SiteFileSystem, type WatchedCall } from './site-file-system.ts'

/** A call of a scenario's run without faults. */
export interface Reached {
  readonly scenario: Scenario
  readonly call: WatchedCall
}

export interface Case extends Reached {
  readonly injection: Injection
}

/** What came of a case. */
export interface Result {
  /** `told`: some error names it. `harmless`: all went well. Else what is wrong. */
  readonly outcome: 'told' | 'harmless' | 'violation'
  readonly why: readonly string[]
}

/** Runs a scenario without faults and returns all calls of the port. @throws when it does not go well */
export async function watchScenario(scenario: Scenario): Promise<WatchedCall[]> {
  const fileSystem = new SiteFileSystem(copyOf(scenario))
  const watched: WatchedCall[] = []
  fileSystem.watched = watched
  const session = startSession(scenario, fileSystem, '')
  await scenario.run(session)
  if (session.codes !== scenario.fails) throw new Error(`${scenario.name}, on a disk that is well: ${session.codes}`)
  return watched
}

/** The faults to try at a call. */
export function injectionsAt({ call }: Reached): Injection[] {
  return FAULTS.filter((fault) => applies(fault, call)).flatMap((fault) => [
    { call: call.number, fault, sticky: false },
    { call: call.number, fault, sticky: true },
  ])
}

export const describeCase = ({ scenario, call, injection }: Case): string =>
  `${injection.fault} ${injection.sticky ? 'for good' : 'once'} at call ${call.number} of '${scenario.name}': ${call.method} of ${call.file || 'the directory'} in ${call.way}`

export async function runCase({ scenario, call, injection }: Case): Promise<Result> {
  const disk = copyOf(scenario)
  const fileSystem = new SiteFileSystem(disk)
  fileSystem.injection = injection
  const session = startSession(scenario, fileSystem, call.way)
  const images: (readonly [when: string, image: SimulatedFileSystem])[] = []
  session.beforeClose = () => images.push(['a power cut before the close', disk.crash({ mode: 'none' })])
  await scenario.run(session)
  images.push(['the close', disk.crash({ mode: 'kill' })], ['a power cut after the close', disk.crash(1)])
  const why = [...session.violations]
  const { fault } = injection
  if (isPassedOver(fault) && session.codes !== scenario.fails) why.push(`a ${fault} leads to ${session.codes}`)
  if (fileSystem.openFiles > 0) why.push(`${fileSystem.openFiles} files stay open`)
  if (fileSystem.struck === undefined) why.push('the call was not made again: runs differ')
  for (const [when, image] of images) {
    const problem = await problemOf(scenario, session.model, image)
    if (problem !== undefined) why.push(`after ${when}: ${problem}`)
  }
  if (why.length > 0) return { outcome: 'violation', why }
  return { outcome: session.isTold ? 'told' : 'harmless', why: session.errors.map(String) }
}

/**
 * A failed sync leaves the system's cache showing what is not on the disk and will not be written any more
 * (F9). The engine stops, is opened again while the machine goes on, and reads that cache; then the power
 * fails. What is wrong with what is there then.
 */
export async function problemBehindCache(
  { scenario, call, injection }: Case,
  end: 'flush' | 'close',
): Promise<string | undefined> {
  const disk = copyOf(scenario)
  const fileSystem = new SiteFileSystem(disk)
  fileSystem.injection = injection
  const session = startSession(scenario, fileSystem, call.way)
  await scenario.run(session)
  const image = disk.crash({ mode: 'kill' })
  const { db, runtime } = await openLab(image, scenario.options)
  session.model.recovered(await readAll(db), session.model.floor('power'))
  await drive(runtime, end === 'flush' ? db.flush() : db.close())
  return problemOf(scenario, session.model, image.crash({ mode: 'none' }))
}

function copyOf({ disk, prepare }: Scenario): SimulatedFileSystem {
  const copy = disk.crash({ mode: 'kill' })
  copy.readOnly = disk.readOnly
  prepare?.(copy)
  return copy
}

function startSession(scenario: Scenario, fileSystem: SiteFileSystem, way: string): Session {
  fileSystem.writesPagesWhole = scenario.options?.doubleWrite === false
  const session = new Session(fileSystem, way, scenario.options)
  const effects = [...scenario.content].flatMap(([table, rows]) =>
    [...rows].map(([key, value]): Effect => ({ kind: 'put', table, key, value })),
  )
  session.model.commit(effects, 'full').acknowledged = true
  return session
}

/** What is wrong with what is left, on a disk that is well. */
async function problemOf(scenario: Scenario, model: Model, image: SimulatedFileSystem): Promise<string | undefined> {
  try {
    const lab = await openLab(image, scenario.options)
    const problems = problemsAfterRestart(lab, image)
    const wrong = model.problemOf(await readAll(lab.db), model.floor('power'))
    await drive(lab.runtime, lab.db.close())
    return wrong ?? problems[0]
  } catch (error) {
    if (AriesError.is(error) && error.code === scenario.fails) return undefined
    return error instanceof Error ? error.message : String(error)
  }
}
