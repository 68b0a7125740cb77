/**
 * What there is of a kind that comes and goes all the time, in the order in which it came, threaded through its members.
 *
 *     first <-> ... <-> last
 *
 * A `Map` would be the obvious choice, and costs the garbage collector dearly: its table is made anew again and again,
 * and whoever stood in a table that has reached the old generation is taken there too, dead or not.
 *
 * 1. A member that was taken away points at no other one. Else each dead member that has reached the old generation
 *    would keep the next alive, and so all that ever come, until the whole heap is collected.
 */
import { assert } from './assert.ts'

export interface Linked<Member> {
  previous: Member | undefined
  next: Member | undefined
}

export class LinkedList<Member extends Linked<Member>> {
  #first: Member | undefined = undefined
  #last: Member | undefined = undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): Member | undefined {
    return this.#first
  }

  /** The youngest, from which `previous` leads to the others. */
  get last(): Member | undefined {
    return this.#last
  }

  /** Puts somebody who is in no list last; a member stays where it is. */
  add(member: Member): void {
    if (member.previous !== undefined || member === this.#first) return
    const last = this.#last
    member.previous = last
    if (last === undefined) this.#first = member
    else last.next = member
    this.#last = member
    this.#size++
  }

  /** Takes a member of this list away. */
  remove(member: Member): void {
    const { previous, next } = member
    assert(previous !== undefined || member === this.#first, 'only a member is taken away')
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    member.previous = undefined
    member.next = undefined
    this.#size--
  }

  /** From the first to the last; the member that was given last may be taken away meanwhile. */
  *[Symbol.iterator](): IterableIterator<Member> {
    let member = this.#first
    while (member !== undefined) {
      const { next } = member
      yield member
      member = next
    }
  }
}
