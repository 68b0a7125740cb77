import { describe, expect, test } from 'vitest'
import { CATALOG_TREE, Catalog } from '../../src/btree/catalog.ts'
import { bytesOf, Fixture } from './fixture.ts'

function makeCatalog() {
  const fixture = new Fixture()
  expect(fixture.run((entry) => fixture.btree.create(entry))).toBe(CATALOG_TREE)
  return { fixture, catalog: new Catalog(fixture.btree) }
}

describe('the catalog', () => {
  test('names trees', () => {
    const { fixture, catalog } = makeCatalog()
    const tree = fixture.run((entry) => catalog.create(entry, 'zürich'))
    const other = fixture.run((entry) => catalog.create(entry, 'basel'))
    expect(catalog.find('zürich')).toBe(tree)
    expect(catalog.find('bern')).toBeUndefined()
    expect(catalog.list()).toEqual([
      { name: 'basel', tree: other },
      { name: 'zürich', tree },
    ])
  })

  test('refuses a name twice, and to remove one that is not there', () => {
    const { fixture, catalog } = makeCatalog()
    fixture.run((entry) => catalog.create(entry, 'a'))
    expect(() => fixture.run((entry) => catalog.create(entry, 'a'))).toThrow(/TABLE_EXISTS/)
    expect(() => fixture.run((entry) => catalog.remove(entry, 'b'))).toThrow(/TABLE_NOT_FOUND/)
  })

  test('removing a table frees its pages after commit', () => {
    const { fixture, catalog } = makeCatalog()
    const before = fixture.space.allocatedPageCount()
    const tree = fixture.run((entry) => catalog.create(entry, 'a'))
    fixture.run((entry) => {
      for (let i = 0; i < 500; i++) fixture.btree.put(entry, tree, bytesOf(`k${i}`), new Uint8Array(60))
    })
    fixture.run((entry) => catalog.remove(entry, 'a'))
    expect(catalog.find('a')).toBeUndefined()
    expect(catalog.list()).toEqual([])
    expect(fixture.space.allocatedPageCount()).toBe(before)
  })

  test('creating and removing are undone together with the transaction', () => {
    const { fixture, catalog } = makeCatalog()
    const kept = fixture.run((entry) => catalog.create(entry, 'kept'))
    const before = fixture.space.allocatedPageCount()
    const entry = fixture.begin()
    catalog.create(entry, 'new')
    catalog.remove(entry, 'kept')
    fixture.rollback(entry)
    expect(catalog.list()).toEqual([{ name: 'kept', tree: kept }])
    expect(fixture.space.allocatedPageCount()).toBe(before)
    expect(fixture.check(CATALOG_TREE, kept).problems).toEqual([])
  })
})
