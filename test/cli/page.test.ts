/** `aries page` on every kind of page, sound and damaged. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fieldsOf } from '../../src/cli/show/page-fields.ts'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { fingerprint, flipByte, makeDatabase, TEXT } from './databases.ts'
import { runCli } from './run-cli.ts'

const PAGE_BYTES = 4096

/**
 * A tree of two levels with a deleted row, and a long value. Page 2 is the catalog, page 3 the root of `fruit`.
 * With a transaction in doubt the close keeps what is in the double-write file.
 */
function make(isInDoubt = false): Promise<string> {
  return makeDatabase(
    'closed',
    async (database) => {
      const fruit = database.table('fruit', TEXT)
      const prepared = database.begin()
      if (isInDoubt) {
        await prepared.put(database.table('doubtful', TEXT), 'fig', 'brown')
        await prepared.prepare('transfer 1')
      }
      await database.transaction(async (tx) => {
        await tx.put(fruit, 'melon', 'm'.repeat(9_000))
        for (let i = 0; i < 200; i++) await tx.put(fruit, `row ${String(i).padStart(3, '0')}`, 'v'.repeat(50))
      })
    },
    { pageSize: PAGE_BYTES },
  )
}

interface Shown {
  readonly type: string
  readonly checksum: { readonly holds: boolean }
  readonly faults: readonly string[]
  readonly doubleWriteCopies: readonly string[]
  readonly fields: readonly { at: number; length: number; name: string; value: string; hex: string }[]
}

async function pageOf(directory: string, pageId: number, expectedCode = 0): Promise<Shown> {
  const { code, stdout } = await runCli('page', directory, String(pageId), '--json')
  expect(code).toBe(expectedCode)
  return JSON.parse(stdout) as Shown
}

const fieldOf = (page: Shown, name: string): string | undefined =>
  page.fields.find((field) => field.name === name)?.value

test('every byte of every page is in one field, in order', async () => {
  const directory = await make()
  const before = fingerprint(directory)
  const data = readFileSync(join(directory, 'data'))
  const types = new Set<string>()
  for (let pageId = 0; pageId < 16; pageId++) {
    const page = await pageOf(directory, pageId, data.readUInt32LE(pageId * PAGE_BYTES) === 0 ? 1 : 0)
    types.add(page.type)
    expect(page.fields.map(({ hex }) => hex).join('')).toBe(
      data.subarray(pageId * PAGE_BYTES, (pageId + 1) * PAGE_BYTES).toString('hex'),
    )
  }
  expect([...types].sort()).toEqual(['inner node', 'leaf', 'meta', 'overflow', 'space map', 'unknown'])
  expect(fingerprint(directory)).toEqual(before)
})

test('what the fields say', async () => {
  const directory = await make()
  expect(fieldOf(await pageOf(directory, 0), 'page size')).toBe(String(PAGE_BYTES))
  expect(fieldOf(await pageOf(directory, 1), 'allocated')).toMatch(/^pages 0-\d+$/)
  expect(fieldOf(await pageOf(directory, 2), 'cell 0')).toBe("'fruit' -> tree 3")
  const root = await pageOf(directory, 3)
  expect(root.checksum.holds).toBe(true)
  const child = Number(/^from the low fence on -> page (\d+)$/.exec(fieldOf(root, 'cell 0') ?? '')?.[1])
  const leaf = await pageOf(directory, child)
  const chain = Number(/^'melon' -> 9000 bytes in the chain at page (\d+)$/.exec(fieldOf(leaf, 'cell 0') ?? '')?.[1])
  expect(fieldOf(leaf, 'cell 1')).toMatch(/^'row 000' -> 'v+'\.\.\. \(50 bytes\)$/)
  expect(fieldOf(await pageOf(directory, chain), 'owner')).toBe(`chain ${chain}`)
})

test('as text: hexadecimal at the left, meaning at the right', async () => {
  const { code, stdout } = await runCli('page', await make(), '2')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^page 2: leaf, pageLSN \d+\nchecksum 0x[0-9a-f]{8} holds\n/)
  expect(stdout).toMatch(/^001c {2}02 00 00 00 {38}owner: tree 2, the catalog$/m)
  expect(stdout).toMatch(/^[0-9a-f]{4} {2}00 05 00 05 00 66 72 75 69 74 01 03 00 00 00 {5}cell 0: 'fruit' -> tree 3$/m)
  expect(stdout).toMatch(/\d+ unused bytes, all zero$/m)
})

describe('says why a page cannot be used', () => {
  test('one flipped bit', async () => {
    const directory = await make()
    const file = join(directory, 'data')
    const data = readFileSync(file)
    data[3 * PAGE_BYTES + 1000] = (data[3 * PAGE_BYTES + 1000] as number) ^ 16
    writeFileSync(file, data)
    const { checksum, faults, fields } = await pageOf(directory, 3, 1)
    expect(checksum.holds).toBe(false)
    expect(faults).toEqual(['it fails its checksum', 'one flipped bit explains it: bit 4 of byte 1000'])
    expect(fields.length).toBeGreaterThan(10)
    const { stdout } = await runCli('page', directory, '3')
    expect(stdout).toMatch(
      /checksum 0x[0-9a-f]{8} fails: the bytes call for 0x[0-9a-f]{8}\n {2}it fails its checksum\n/,
    )
  })

  test('torn, with a whole copy in the double-write file', async () => {
    const directory = await make(true)
    const file = join(directory, 'data')
    const data = readFileSync(file)
    data.fill(0, 3 * PAGE_BYTES + 3584, 4 * PAGE_BYTES)
    writeFileSync(file, data)
    const { faults, doubleWriteCopies } = await pageOf(directory, 3, 1)
    expect(faults[1]).toMatch(/^bytes .*-4095 are zero, whole sectors: it is torn$/)
    expect(doubleWriteCopies).toHaveLength(1)
    expect(doubleWriteCopies[0]).toMatch(/^a whole copy with pageLSN \d+; it differs in the bytes 3584-4095$/)
  })

  test('another page in its place', async () => {
    const directory = await make()
    const file = join(directory, 'data')
    const data = readFileSync(file)
    data.copy(data, 3 * PAGE_BYTES, 2 * PAGE_BYTES, 3 * PAGE_BYTES)
    writeFileSync(file, data)
    const { faults } = await pageOf(directory, 3, 1)
    expect(faults).toEqual(['it is page 2, whole, in the wrong place: a write or a copy went astray'])
  })

  test('cut short, and beyond the end', async () => {
    const directory = await make()
    truncateSync(join(directory, 'data'), 3 * PAGE_BYTES + 100)
    const { faults } = await pageOf(directory, 3, 1)
    expect(faults).toEqual(['the data file was cut short: it has 100 of its 4096 bytes'])
    const { code, stderr } = await runCli('page', directory, '4')
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: 'aries: there is no page 4: the data file has the pages 0 to 3\n',
    })
  })

  test('without a master record and a log, by the meta page', async () => {
    const directory = await make()
    for (const name of ['master', 'log-000000000000']) flipByte(join(directory, name), 40)
    flipByte(join(directory, 'master'), 4096 + 40)
    expect(fieldOf(await pageOf(directory, 2), 'cell 0')).toBe("'fruit' -> tree 3")
  })
})

test('whatever a page holds is shown', () => {
  const random = randomFrom(1)
  for (let round = 0; round < 3_000; round++) {
    const bytes = Uint8Array.from({ length: 512 }, () => (random() < 0.7 ? 0 : randomBelow(random, 256)))
    bytes[16] = randomBelow(random, 7)
    const fields = fieldsOf({ bytes, view: new DataView(bytes.buffer) })
    let at = 0
    for (const field of fields) {
      expect(field.at).toBe(at)
      at += field.length
    }
    expect(at).toBe(bytes.length)
  }
})
