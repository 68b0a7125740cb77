/** Planted bugs of the space manager: the space map, overflow chains. */
import type { PlantedBug } from './planted-bug.ts'

const SPACE_LOG = 'src/space/space-log.ts'
const SPACE_MANAGER = 'src/space/space-manager.ts'
const OVERFLOW = 'src/space/overflow.ts'

export const SPACE_BUGS: readonly PlantedBug[] = [
  {
    name: 'allocation-not-undone',
    invariant: 'I23',
    sentence: 'Undo of an allocation leaves the bit set, so every rollback leaks its pages.',
    file: SPACE_LOG,
    find: 'return { operation: SpaceOperation.FREE, pageId, payload }',
    replace: 'return { operation: SpaceOperation.ALLOCATE, pageId, payload }',
  },
  {
    name: 'freeing-not-undone',
    invariant: 'I32',
    sentence: 'Undo of a freeing leaves the page free, although what is on it is in use again.',
    file: SPACE_LOG,
    find: 'return { operation: SpaceOperation.ALLOCATE, pageId, payload }',
    replace: 'return { operation: SpaceOperation.FREE, pageId, payload }',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'allocation-sets-next-bit',
    invariant: 'I22',
    sentence: 'An allocation sets the bit of the next page.',
    file: SPACE_LOG,
    find: 'setBit(view, page, subjectOf(record) % bitsPerMapPage(pageSize), true)',
    replace: 'setBit(view, page, (subjectOf(record) + 1) % bitsPerMapPage(pageSize), true)',
  },
  {
    name: 'overflow-redo-needs-old-page',
    invariant: 'I14',
    sentence: 'Redo of a page of a long value wants to read the page first, which was never written.',
    file: SPACE_MANAGER,
    find: ' || operation === SpaceOperation.FORMAT_OVERFLOW',
    replace: '',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'free-page-hint-too-high',
    invariant: 'I35',
    sentence:
      'The search for a free page starts behind pages that were freed, which are never used again, and the file grows for ever.',
    file: SPACE_MANAGER,
    find: 'if (record.operation === SpaceOperation.FREE) this.#lowestFree = Math.min(this.#lowestFree, subjectOf(record))',
    replace: '',
  },
  {
    name: 'long-chain-not-relinked',
    invariant: 'I32',
    sentence: 'Freeing a long value in steps does not move the link of its head, so the next step meets freed pages.',
    file: OVERFLOW,
    find: 'this.#link(entry, headPage, first, pageId)',
    replace: 'void first',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'chain-loses-last-page',
    invariant: 'I22',
    sentence: 'Freeing a long value stops before its last page.',
    file: OVERFLOW,
    find: `      this.#space.free(entry, pageId)
      pageId = next`,
    replace: `      if (next !== 0) this.#space.free(entry, pageId)
      pageId = next`,
  },
  {
    name: 'chain-head-not-freed',
    invariant: 'I22',
    sentence: 'The first page of a long value is never freed.',
    file: OVERFLOW,
    find: `    this.#space.free(entry, head)
    return true`,
    replace: '    return true',
  },
  {
    name: 'chain-known-by-its-head-page',
    invariant: 'I32',
    sentence: 'A chain is known by the page it starts at, which another chain may have by the time it is freed.',
    file: OVERFLOW,
    find: 'if (!isOfChain(buffer.view, headPage, head, chainId)) return true',
    replace: '',
    first: 'any-tail.property.test.ts',
  },
]
