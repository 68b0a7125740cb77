/** Scripts that found a bug, in the engine or a planted one, each with what it found. They run before the random ones. */
import type { Script } from './commands/script.ts'

export const REGRESSIONS: readonly Script[] = [
  // A log that ended with the padding of a segment could not be redone.
  {
    frames: 64,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 1, table: 1, from: 5, count: 3, stride: 7, bytes: 17601 },
      { do: 'put', by: 1, table: 1, from: 11, count: 64, stride: 1, bytes: 424 },
      { do: 'commit', by: 1, durability: 'full', wait: false },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 28 },
      { do: 'abort', by: 0 },
      { do: 'put', by: 0, table: 1, from: 0, count: 25, stride: 1, bytes: 0 },
      { do: 'reopen' },
      { do: 'put', by: 1, table: 0, from: 81, count: 58, stride: 1, bytes: 29 },
      { do: 'put', by: 1, table: 0, from: 0, count: 14, stride: 1, bytes: 884 },
      { do: 'commit', by: 1, durability: 'full', wait: false },
      { do: 'put', by: 0, table: 1, from: 25, count: 37, stride: 1, bytes: 858 },
      {
        do: 'crash',
        after: 4,
        how: 402981,
        again: [
          { after: 11, how: 'all' },
          { after: 1, how: 'kill' },
        ],
      },
      { do: 'commit', by: 2, durability: 'none', wait: true },
      { do: 'range', by: 0, table: 0, from: 42, limit: 15, reverse: false },
    ],
  },
  // Pages that a killed process had left in the cache counted as durable after restart.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 3000 },
      { do: 'crash', after: 8, how: 'kill', again: [] },
      { do: 'reopen' },
      { do: 'get', by: 0, table: 0, from: 0 },
      { do: 'put', by: 0, table: 1, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 300 },
    ],
  },
  // Closing during a checkpoint left the mark of a clean shutdown out.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [{ do: 'time', count: 1 }, { do: 'checkpoint', wait: false }, { do: 'reopen' }],
  },
  // Planted: locks given back before the commit was durable.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 8 },
      { do: 'commit', by: 0, durability: 'full', wait: false },
      { do: 'get', by: 1, table: 0, from: 0 },
    ],
  },
  // The tests' own: a put that its transaction's abort overtook was counted to the client's next transaction.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 2, table: 0, from: 0, count: 1, stride: 1, bytes: 3000 },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'commit', by: 2, durability: 'none', wait: false },
      { do: 'abort', by: 0 },
      { do: 'commit', by: 0, durability: 'full', wait: false },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'flush', wait: false },
      { do: 'put', by: 0, table: 1, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'savepoint', by: 0 },
    ],
  },
  // The tests' own: a rollback that went on in memory after its engine's crash counted as a second undo.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 0, table: 0, from: 0, count: 10, stride: 1, bytes: 3000 },
      { do: 'put', by: 0, table: 0, from: 5, count: 16, stride: 1, bytes: 660 },
      { do: 'commit', by: 0, durability: 'full', wait: false },
      { do: 'commit', by: 0, durability: 'full', wait: false },
      { do: 'crash', after: 1, how: 0, again: [] },
      { do: 'put', by: 0, table: 0, from: 19, count: 4, stride: 1, bytes: 3000 },
      { do: 'delete', by: 0, table: 0, from: 0, count: 1, stride: 1 },
      { do: 'clear', by: 1, table: 0, from: 1, to: 19 },
      { do: 'crash', after: 1, how: 'none', again: [] },
      { do: 'time', count: 20 },
    ],
  },
  // Rolled back, lost by a power cut, and written again at the same LSNs: no record was undone twice.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'crash', after: 1, how: 'none', again: [] },
      { do: 'putMany', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 300 },
      { do: 'crash', after: 1, how: 'kill', again: [] },
      { do: 'put', by: 1, table: 0, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'abort', by: 1 },
      { do: 'put', by: 0, table: 2, from: 0, count: 7, stride: 7, bytes: 300 },
      { do: 'putMany', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 300 },
      { do: 'delete', by: 0, table: 1, from: 0, count: 1, stride: 1 },
    ],
  },
  // Rows of long keys moved back and forth between two leaves for ever.
  {
    frames: 12,
    checkpointBytes: 65536,
    steps: [{ do: 'putMany', by: 1, table: 2, from: 128, count: 62, stride: 7, bytes: 0 }],
  },
  // A page whose redo was put off was given out to be formatted, and forgot since when the disk lacked its changes.
  {
    frames: 64,
    checkpointBytes: 65536,
    deferRedo: true,
    steps: [
      { do: 'put', by: 0, table: 0, from: 0, count: 5, stride: 1, bytes: 8089 },
      { do: 'put', by: 0, table: 1, from: 0, count: 1, stride: 1, bytes: 0 },
      { do: 'flush', wait: false },
      { do: 'crash', after: 2, how: 557141, again: [{ after: 11, how: 'all' }] },
      { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 300 },
      { do: 'putMany', by: 0, table: 1, from: 0, count: 39, stride: 7, bytes: 613 },
      { do: 'commit', by: 0, durability: 'full', wait: false },
      { do: 'delete', by: 0, table: 0, from: 0, count: 1, stride: 1 },
      { do: 'prepare', by: 0 },
      { do: 'rollbackTo', by: 0, index: 0 },
    ],
  },
  // The tests' own: a row that somebody had deleted was kept in its leaf by who had read it and was in doubt, until a close.
  {
    frames: 8,
    checkpointBytes: 65536,
    steps: [
      { do: 'put', by: 0, table: 0, from: 0, count: 2, stride: 1, bytes: 8 },
      { do: 'commit', by: 0, durability: 'full', wait: true },
      { do: 'delete', by: 0, table: 0, from: 0, count: 1, stride: 1 },
      { do: 'get', by: 1, table: 0, from: 0 },
      { do: 'commit', by: 0, durability: 'full', wait: true },
      { do: 'prepare', by: 1 },
      { do: 'reopen' },
    ],
  },
]
