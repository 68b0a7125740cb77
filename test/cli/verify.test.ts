/**
 * The demo's verifier must catch what it is there for: each test takes a content that fits its ledger
 * and plants one thing that is wrong.
 */
import { describe, expect, test } from 'vitest'
import { Ledger } from '../../src/cli/demo/ledger.ts'
import { readPlaces } from '../../src/cli/demo/places.ts'
import {
  ACCOUNTS,
  accountKey,
  batchOf,
  type City,
  citiesOf,
  cityAt,
  cityKey,
  indexKey,
  makePlan,
  OPENING_BALANCE,
  revisionOf,
  type Transfer,
  transferAt,
  transferKey,
} from '../../src/cli/demo/plan.ts'
import { decodeMessage, encodeMessage, type WorkKind } from '../../src/cli/demo/protocol.ts'
import { openAccounts, tablesOf } from '../../src/cli/demo/tables.ts'
import { isThere, readContent, violationsOf } from '../../src/cli/demo/verify.ts'
import { MemoryFileSystem, open } from '../../src/index.ts'

const plan = makePlan(5, readPlaces({ kind: 'generated', rows: 205 }))
const calledOff = Array.from({ length: 500 }, (_, id) => id).find((id) => transferAt(plan, id).isCalledOff) as number
const TRANSFERS = calledOff + 10

/** A content that can be changed, and the ledger it fits. */
class World {
  readonly ledger = new Ledger()
  readonly cities = new Map<string, City>()
  readonly citiesByName = new Map<string, string>()
  readonly accounts = new Map<string, number>()
  readonly transfers = new Map<string, Transfer>()
  problems: string[] = []

  constructor() {
    for (let account = 0; account < ACCOUNTS; account++) this.accounts.set(accountKey(account), OPENING_BALANCE)
    // All batches are inserted and the first three renamed; one renaming is in flight.
    for (let step = 0; step < plan.batches + 3; step++) this.done('step', step)
    this.ledger.note({ event: 'begin', kind: 'step', id: plan.batches + 3 })
    for (let id = 0; id < TRANSFERS; id++) this.done('transfer', id)
    this.ledger.note({ event: 'begin', kind: 'transfer', id: TRANSFERS })
  }

  done(kind: WorkKind, id: number): void {
    this.ledger.note({ event: 'begin', kind, id })
    if (kind === 'transfer' && transferAt(plan, id).isCalledOff) {
      this.ledger.note({ event: 'abort', kind, id })
      return
    }
    this.ledger.note({ event: 'commit', kind, id })
    this.apply(kind, id)
  }

  /** What the transaction does to the content. */
  apply(kind: WorkKind, id: number): void {
    if (kind === 'transfer') this.transfer(id)
    else for (const city of citiesOf(plan, batchOf(plan, id))) this.putCity(city, revisionOf(plan, id))
  }

  putCity(id: number, revision: number): void {
    const key = cityKey(id)
    const old = this.cities.get(key)
    if (old !== undefined) this.citiesByName.delete(indexKey(old, key))
    const city = cityAt(plan, id, revision)
    this.cities.set(key, city)
    this.citiesByName.set(indexKey(city, key), key)
  }

  transfer(id: number): void {
    const { from, to, amount } = transferAt(plan, id)
    this.pay(from, -amount)
    this.pay(to, amount)
    this.transfers.set(transferKey(id), { from, to, amount })
  }

  pay(account: string, amount: number): void {
    this.accounts.set(account, (this.accounts.get(account) as number) + amount)
  }

  get violations(): string[] {
    return violationsOf(this, this.ledger, plan)
  }
}

describe('a content that fits its ledger has no violations', () => {
  test('with nothing in flight there', () => {
    expect(new World().violations).toEqual([])
  })

  test('with everything in flight there as a whole', () => {
    const world = new World()
    world.apply('step', plan.batches + 3)
    const inFlight = transferAt(plan, TRANSFERS)
    expect(inFlight.isCalledOff).toBe(false)
    world.apply('transfer', TRANSFERS)
    expect(world.violations).toEqual([])
  })

  test('read from a real database', async () => {
    const database = await open(new MemoryFileSystem(), { createIfMissing: true })
    await openAccounts(database)
    const tables = tablesOf(database)
    const world = new World()
    await database.transaction(async (tx) => {
      for (const [key, city] of world.cities) await tx.put(tables.cities, key, city)
      for (const [entry, key] of world.citiesByName) await tx.put(tables.citiesByName, entry, key)
      for (const [key, balance] of world.accounts) await tx.put(tables.accounts, key, balance)
      for (const [key, transfer] of world.transfers) await tx.put(tables.transfers, key, transfer)
    })
    const content = await readContent(database)
    expect(content.accounts.size).toBe(ACCOUNTS)
    expect(violationsOf(content, world.ledger, plan)).toEqual([])
    await tables.accounts.put(accountKey(3), -1)
    expect(violationsOf(await readContent(database), world.ledger, plan).join()).toContain('account 00003')
    await database.close()
  })
})

const lastCity = cityKey(plan.places.length - 1)
const planted: [string, (world: World) => void, RegExp][] = [
  [
    'an acknowledged insert is lost',
    (world) => {
      for (const id of citiesOf(plan, 5)) {
        world.citiesByName.delete(indexKey(world.cities.get(cityKey(id)) as City, cityKey(id)))
        world.cities.delete(cityKey(id))
      }
    },
    /^batch 5: acknowledged as inserted, but is absent$/m,
  ],
  [
    'an acknowledged renaming is lost',
    (world) => {
      for (const id of citiesOf(plan, 1)) world.putCity(id, 0)
    },
    /^batch 1: acknowledged as renamed, but is inserted$/m,
  ],
  [
    'a renaming shows that was never begun',
    (world) => {
      for (const id of citiesOf(plan, 7)) world.putCity(id, 1)
    },
    /^batch 7: is renamed, but that was never begun$/m,
  ],
  [
    'a renaming in flight shows in part',
    (world) => world.putCity(3 * plan.batchSize, 1),
    /^batch 3: shows in part: cities at renamed, inserted$/m,
  ],
  ['an insert shows in part', (world) => void world.cities.delete(lastCity), /^batch 20: shows in part/m],
  [
    'a city has another content',
    (world) => void world.cities.set(lastCity, { ...(world.cities.get(lastCity) as City), lat: '0' }),
    /^city 0000204: another content/m,
  ],
  [
    'a city nobody inserted',
    (world) => void world.cities.set('9999999', cityAt(plan, 0, 0)),
    /^cities: 1 that were never inserted$/m,
  ],
  [
    'an index entry is missing',
    (world) => void world.citiesByName.delete(indexKey(world.cities.get(lastCity) as City, lastCity)),
    /^city 0000204: not in the index/m,
  ],
  [
    'an index entry leads nowhere',
    (world) => void world.citiesByName.set('XX/Nowhere/1', '1'),
    /^index entry XX\/Nowhere\/1: there is no city 1$/m,
  ],
  [
    'an index entry of the old name stayed',
    (world) => void world.citiesByName.set(indexKey(cityAt(plan, 0, 0), cityKey(0)), cityKey(0)),
    /^index entry .*: city 0000000 is called [A-Z]+ now$/m,
  ],
  [
    'an index entry leads to another city',
    (world) => void world.citiesByName.set(indexKey(world.cities.get(lastCity) as City, lastCity), cityKey(0)),
    /^index entry .*0000204: city 0000000 is called/m,
  ],
  [
    'an acknowledged transfer is lost as a whole',
    (world) => {
      const { from, to, amount } = transferAt(plan, 1)
      world.pay(from, amount)
      world.pay(to, -amount)
      world.transfers.delete(transferKey(1))
    },
    /^transfer 1: acknowledged, but not there$/m,
  ],
  [
    'half of a transfer in flight shows',
    (world) => world.pay(transferAt(plan, TRANSFERS).from, -transferAt(plan, TRANSFERS).amount),
    /^account \d+: holds .*\n(.*\n)*accounts: the sum is/m,
  ],
  [
    'both balances of a transfer show, but not its row',
    (world) => {
      world.apply('transfer', TRANSFERS)
      world.transfers.delete(transferKey(TRANSFERS))
    },
    /^account \d+: holds/m,
  ],
  [
    'a transfer that was called off shows',
    (world) => world.apply('transfer', calledOff),
    new RegExp(`^transfer ${calledOff}: there, but was rolled back$`, 'm'),
  ],
  [
    'a transfer has another content',
    (world) => void world.transfers.set(transferKey(0), { ...transferAt(plan, 0), amount: 9_999 }),
    /^transfer 0: another content/m,
  ],
  [
    'a transfer nobody began',
    (world) => world.apply('transfer', TRANSFERS + 1),
    /^transfers: 1 that were never begun$/m,
  ],
  ['an account is missing', (world) => void world.accounts.delete(accountKey(0)), /^account 00000: holds nothing/m],
  ['an account too many', (world) => void world.accounts.set('x', 0), /^accounts: 10001 instead of 10000$/m],
  [
    'the check of the database finds something',
    (world) => void world.problems.push('page 1: x'),
    /^check: page 1: x$/m,
  ],
]

describe('the verifier catches', () => {
  test.each(planted)('%s', (_, plant, expected) => {
    const world = new World()
    plant(world)
    expect(world.violations.join('\n')).toMatch(expected)
  })
})

describe('what was in flight is settled by what is found', () => {
  test('found means it must stay, not found means it must not come back', () => {
    const world = new World()
    world.apply('transfer', TRANSFERS)
    const found = world.ledger.settle((kind, id) => isThere(world, plan, kind, id))
    expect(found).toBe(1)
    expect(world.ledger.inFlight).toBe(0)
    expect(world.violations).toEqual([])
    world.apply('step', plan.batches + 3)
    expect(world.violations).toEqual(['batch 3: is renamed, but that was rolled back'])
  })

  test('a step that was not found may be done again', () => {
    const world = new World()
    world.ledger.settle((kind, id) => isThere(world, plan, kind, id))
    expect(world.ledger.all('step', 'gone')).toEqual([plan.batches + 3])
    world.done('step', plan.batches + 3)
    expect(world.ledger.all('step', 'gone')).toEqual([])
  })
})

describe('the lines between the processes', () => {
  test('come back as they were sent', () => {
    const messages = [
      { event: 'ready' },
      { event: 'begin', kind: 'step', id: 0 },
      { event: 'commit', kind: 'transfer', id: 123456 },
      { event: 'abort', kind: 'transfer', id: 7 },
    ] as const
    for (const message of messages) expect(decodeMessage(encodeMessage(message).trimEnd())).toEqual(message)
  })

  test('a line that was cut off says nothing', () => {
    for (const line of ['', 'commit', 'commit step', 'commit step ', 'commi step 1']) {
      expect(decodeMessage(line)).toBeUndefined()
    }
  })
})
