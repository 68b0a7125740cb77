/**
 * What the demo does, as a function of its seed, so that the working process and the one that verifies
 * need not tell each other: they both compute it.
 *
 *   steps      0 .. batches-1             insert a batch of cities and their index entries
 *              batches .. 2*batches-1     rename all cities of a batch, and move their index entries
 *   transfers  0, 1, 2, ...               move an amount from one account to another
 *
 * Each step and each transfer is one transaction. What a step leaves in its batch is a *revision*: 0
 * after the insert, 1 after the renaming.
 */
import { randomBelow, randomFrom } from '../../common/random.ts'
import type { Place } from './places.ts'

export interface Plan {
  readonly seed: number
  readonly places: readonly Place[]
  readonly batchSize: number
  readonly batches: number
  readonly steps: number
}

/** A row of the table `cities`. */
export interface City extends Place {
  readonly revision: number
}

/** A row of the table `transfers`. */
export interface Transfer {
  readonly from: string
  readonly to: string
  readonly amount: number
}

/** A transfer to be made, or one that its client calls off after writing it. */
export interface PlannedTransfer extends Transfer {
  readonly isCalledOff: boolean
}

export const ACCOUNTS = 10_000
export const OPENING_BALANCE = 1_000
/** Some accounts are in demand, so that transfers wait for each other and now and then deadlock. */
const BUSY_ACCOUNTS = 20
const BUSY_SHARE = 0.05
const CALLED_OFF_SHARE = 0.03
const AMOUNT_MAX = 50
const BATCH_SIZE_MAX = 100
const BATCHES_MIN = 20

export function makePlan(seed: number, places: readonly Place[]): Plan {
  const batchSize = Math.max(1, Math.min(BATCH_SIZE_MAX, Math.floor(places.length / BATCHES_MIN)))
  const batches = Math.ceil(places.length / batchSize)
  return { seed, places, batchSize, batches, steps: 2 * batches }
}

export function batchOf(plan: Plan, step: number): number {
  return step % plan.batches
}

export function revisionOf(plan: Plan, step: number): number {
  return Math.floor(step / plan.batches)
}

/** The numbers of the cities of a batch. */
export function* citiesOf(plan: Plan, batch: number): Generator<number> {
  const end = Math.min(plan.places.length, (batch + 1) * plan.batchSize)
  for (let id = batch * plan.batchSize; id < end; id++) yield id
}

/** City `id` as it stands at a revision. */
export function cityAt(plan: Plan, id: number, revision: number): City {
  const { name, country, lat, lng } = plan.places[id] as Place
  return { name: revision === 0 ? name : name.toUpperCase(), country, lat, lng, revision }
}

export function cityKey(id: number): string {
  return String(id).padStart(7, '0')
}

/** By country, then name; the city's own key makes it unique. */
export function indexKey(city: Place, key: string): string {
  return `${city.country}/${city.name}/${key}`
}

export function accountKey(account: number): string {
  return String(account).padStart(5, '0')
}

export function transferKey(id: number): string {
  return String(id).padStart(9, '0')
}

export function transferAt(plan: Plan, id: number): PlannedTransfer {
  const random = randomFrom(plan.seed + Math.imul(id + 1, 0x9e37_79b1))
  const pick = (): number => randomBelow(random, random() < BUSY_SHARE ? BUSY_ACCOUNTS : ACCOUNTS)
  const from = pick()
  const to = pick()
  return {
    from: accountKey(from),
    to: accountKey(to === from ? (to + 1) % ACCOUNTS : to),
    amount: 1 + randomBelow(random, AMOUNT_MAX),
    isCalledOff: random() < CALLED_OFF_SHARE,
  }
}
