/** Drawings of a split, and of how a page reaches the disk. */
import { Drawing } from './drawing.ts'

/** A split in the four steps that the log has, with what undoes each. */
export function split(): Drawing {
  const drawing = new Drawing(
    760,
    330,
    'A split in four records: allocate R, format R with the upper half of L, insert R into the parent P, truncate L. The last is a CLR whose undoNextLSN leads before the first.',
  )
  const steps = [
    ['ALLOCATE R', 'undo: free R'],
    ['FORMAT R', 'redo-only'],
    ['INSERT_CHILD', 'undo: remove it'],
    ['TRUNCATE L', 'closing CLR'],
  ] as const
  for (const [i, [title, words]] of steps.entries()) {
    drawing.labelled(160 + i * 140, 70, 124, 56, [title, words], i === 3 ? 'two' : 'one')
  }
  return drawing
    .labelled(20, 70, 124, 56, ['earlier', 'records'])
    .bow({ x: 642, y: 130 }, { x: 82, y: 130 }, -60, 'strong')
    .text(362, 194, 'undoNextLSN of the closing CLR', 'strong')
    .text(20, 40, 'log', 'head', 'start')
    .labelled(100, 226, 90, 40, ['P: a f'])
    .labelled(60, 284, 80, 38, ['L: a b c d'])
    .text(40, 252, 'before', 'head')
    .arrow({ x: 130, y: 266 }, { x: 104, y: 282 })
    .labelled(500, 226, 100, 40, ['P: a c f'], 'one')
    .labelled(440, 284, 80, 38, ['L: a b'], 'two')
    .labelled(560, 284, 80, 38, ['R: c d'], 'one')
    .text(430, 252, 'after', 'head')
    .arrow({ x: 530, y: 266 }, { x: 494, y: 282 })
    .arrow({ x: 560, y: 266 }, { x: 590, y: 282 })
    .arrow({ x: 250, y: 270 }, { x: 380, y: 270 })
}

/** Two copies of a page, one after the other, of which one is always whole. */
export function doubleWrite(): Drawing {
  return new Drawing(
    760,
    230,
    'A page goes to the double-write file first, which is synced, then to its own place, which is synced. A crash in either write leaves the other copy whole.',
  )
    .labelled(20, 70, 150, 70, ['page in the pool', 'sealed: checksum'], 'one')
    .labelled(300, 70, 150, 70, ['double-write file', 'a copy'], 'three')
    .labelled(580, 70, 150, 70, ['data file', 'the page itself'], 'two')
    .arrow({ x: 170, y: 105 }, { x: 298, y: 105 }, 'strong')
    .text(234, 96, '1 write, sync', 'strong')
    .arrow({ x: 450, y: 105 }, { x: 578, y: 105 }, 'strong')
    .text(514, 96, '2 write, sync', 'strong')
    .text(234, 168, 'torn here:', 'bad')
    .text(234, 188, 'the page itself is whole', '')
    .text(514, 168, 'torn here:', 'bad')
    .text(514, 188, 'the copy is whole, and is put back', '')
}
