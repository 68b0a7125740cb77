import { expect, test } from 'vitest'
import { type Linked, LinkedList } from '../../src/common/linked-list.ts'

class Member implements Linked<Member> {
  previous: Member | undefined = undefined
  next: Member | undefined = undefined
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

function listOf(names: string): { list: LinkedList<Member>; member: (name: string) => Member } {
  const list = new LinkedList<Member>()
  const members = new Map([...names].map((name) => [name, new Member(name)] as const))
  for (const member of members.values()) list.add(member)
  return { list, member: (name) => members.get(name) as Member }
}

const namesOf = (list: Iterable<Member>): string => [...list].map(({ name }) => name).join('')

function backwards(list: LinkedList<Member>): string {
  let names = ''
  for (let member = list.last; member !== undefined; member = member.previous) names += member.name
  return names
}

for (const [taken, left] of [
  ['a', 'bcd'],
  ['b', 'acd'],
  ['d', 'abc'],
  ['bc', 'ad'],
  ['dcb', 'a'],
  ['abcd', ''],
] as const) {
  test(`of abcd, without ${taken}, ${left || 'nothing'} is left, in both directions`, () => {
    const { list, member } = listOf('abcd')
    for (const name of taken) list.remove(member(name))
    expect([namesOf(list), backwards(list), list.size]).toEqual([left, [...left].reverse().join(''), left.length])
  })
}

test('who was taken away points at nobody, so that the dead keep no other alive', () => {
  const { list, member } = listOf('abc')
  for (const name of 'bac') {
    const taken = member(name)
    list.remove(taken)
    expect([taken.previous, taken.next]).toEqual([undefined, undefined])
  }
})

test('who was taken away may come again, as the last', () => {
  const { list, member } = listOf('abc')
  list.remove(member('a'))
  list.add(member('a'))
  expect(namesOf(list)).toBe('bca')
})

test('a walk survives that its member is taken away', () => {
  const { list } = listOf('abcd')
  const met: string[] = []
  for (const member of list) {
    met.push(member.name)
    list.remove(member)
  }
  expect([met.join(''), list.size]).toEqual(['abcd', 0])
})

test('who is a member is not added again', () => {
  const { list, member } = listOf('abc')
  for (const name of 'abc') list.add(member(name))
  expect([namesOf(list), backwards(list), list.size]).toEqual(['abc', 'cba', 3])
})

test('to take away what is no member is an assertion', () => {
  const { list } = listOf('ab')
  expect(() => list.remove(new Member('x'))).toThrow('only a member is taken away')
})
