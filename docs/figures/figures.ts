/**
 * The drawings of the course, by name. Where a log is shown it is that of a golden scenario; the rest are
 * pictures of the ideas.
 */
import { Drawing } from './drawing.ts'
import { bytesOfRecord, pageHeader } from './layouts.ts'
import { logStrip, scenarioOf, writtenByUndo } from './log-strip.ts'
import { doubleWrite, split } from './structures.ts'

/** What survives a crash, and what does not. */
function memoryAndDisk(): Drawing {
  return new Drawing(
    760,
    300,
    'In memory: buffer pool and log buffer, lost in a crash. On disk: data file, log and master record, which stay. Pages go between buffer pool and data file in both directions, the log buffer only goes out to the log.',
  )
    .box(20, 36, 720, 100, 'lost')
    .text(36, 28, 'memory: gone after a crash', 'bad', 'start')
    .labelled(60, 56, 260, 60, ['buffer pool', 'pages, some of them changed'], 'one')
    .labelled(440, 56, 260, 60, ['log buffer', 'the newest records'], 'two')
    .box(20, 184, 720, 100)
    .text(36, 176, 'disk: what restart has', 'strong', 'start')
    .labelled(60, 204, 260, 60, ['data file', 'each page as it was last written'], 'one')
    .labelled(440, 204, 160, 60, ['log', 'up to flushedLSN'], 'two')
    .labelled(616, 204, 100, 60, ['master', 'record'])
    .arrow({ x: 150, y: 204 }, { x: 150, y: 118 })
    .arrow({ x: 230, y: 116 }, { x: 230, y: 202 })
    .text(240, 164, 'at any time (steal, no-force)', 'faint', 'start')
    .arrow({ x: 520, y: 116 }, { x: 520, y: 202 }, 'strong')
    .text(530, 164, 'before the page, at commit', 'strong', 'start')
}

/** Where a transfer over two pages can be cut. */
function cutTransfer(): Drawing {
  const drawing = new Drawing(
    760,
    240,
    'A transfer changes page A, then page B, in place on disk. Cut before both writes the old state is there, cut after both the new one; cut between them, money is lost.',
  )
  const states = [
    ['before', 'A = 100', 'B = 50', 'sum 150', ''],
    ['A written', 'A = 60', 'B = 50', 'sum 110', 'bad'],
    ['A half written', 'A = ??', 'B = 50', 'torn page', 'bad'],
    ['both written', 'A = 60', 'B = 90', 'sum 150', ''],
  ] as const
  for (const [i, [title, a, b, sum, look]] of states.entries()) {
    const x = 20 + i * 188
    drawing
      .text(x + 78, 30, title, 'head')
      .labelled(x, 46, 74, 60, ['page A', a], a === 'A = ??' ? 'lost' : 'one')
      .labelled(x + 82, 46, 74, 60, ['page B', b], 'one')
      .text(x + 78, 134, sum, look === 'bad' ? 'bad' : 'strong')
  }
  return drawing
    .text(20, 176, 'A crash can leave any of the four. Nothing on the two pages says which it is,', '', 'start')
    .text(20, 198, 'and nothing says how to go back or forward. That is what a log is for.', '', 'start')
}

/** What pageLSNs say of a scenario: which of the changes are on the page on disk. */
function pageLsns(): Drawing {
  const { drawing, below, bottom } = logStrip('S04', {
    description:
      'The log of scenario S04. Page P5 on disk has pageLSN 60, so the changes 10, 40 and 60 are on it. P1 and P3 were never written: nothing is on them.',
    links: false,
    extraHeight: 96,
  })
  for (const lsn of [10, 40, 60]) drawing.arrow(below(lsn), { x: 345, y: bottom + 24 }, 'strong')
  return drawing
    .labelled(280, bottom + 26, 130, 56, ['P5 on disk', 'pageLSN 60'], 'one')
    .labelled(424, bottom + 26, 92, 56, ['P3 on disk', 'no LSN yet'])
    .labelled(528, bottom + 26, 92, 56, ['P1 on disk', 'no LSN yet'])
    .text(16, bottom + 50, 'On the page is every change of it', '', 'start')
    .text(16, bottom + 70, 'with an LSN up to its pageLSN.', '', 'start')
}

/** The four policies. */
function policies(): Drawing {
  return new Drawing(
    760,
    310,
    'Four policies. No steal and force: neither redo nor undo. No steal, no force: redo. Steal and force: undo. Steal and no force: both, which is what ARIES does.',
  )
    .text(330, 30, 'force: pages written at commit', 'head')
    .text(595, 30, 'no-force: pages written later', 'head')
    .text(20, 92, 'no-steal: uncommitted', 'head', 'start')
    .text(20, 112, 'changes stay in memory', '', 'start')
    .text(20, 222, 'steal: any page may', 'head', 'start')
    .text(20, 242, 'be written any time', '', 'start')
    .labelled(205, 46, 250, 110, [
      'no redo, no undo',
      'slow commits, and a pool as large',
      'as all that is uncommitted',
    ])
    .labelled(470, 46, 250, 110, ['redo only', 'a pool as large as all', 'that is uncommitted'])
    .labelled(205, 176, 250, 110, ['undo only', 'a commit waits for a write', 'of every page it changed'])
    .labelled(
      470,
      176,
      250,
      110,
      ['redo and undo: ARIES', 'commits wait for the log alone,', 'transactions of any size'],
      'two',
    )
}

/** The order that the WAL rule asks for. */
function walOrder(): Drawing {
  const drawing = new Drawing(
    760,
    220,
    'Five steps in time: the record 888 is appended to the log buffer; the page is changed in the pool and has pageLSN 888; the log is flushed beyond 888; the page is written; much later the commit record 1048 is flushed.',
  )
  const steps = [
    ['append', 'record 888 gets', 'its LSN'],
    ['change', 'the page has', 'pageLSN 888 now'],
    ['flush the log', 'durable up to', 'record 888'],
    ['write the page', 'allowed', 'only now'],
    ['commit', 'its own record', 'flushed: done'],
  ] as const
  for (const [i, [title, ...words]] of steps.entries()) {
    const x = 16 + i * 148
    drawing.labelled(x, 60, 132, 84, [title, ...words], i === 2 ? 'two' : i === 3 ? 'one' : '')
    if (i > 0) drawing.arrow({ x: x - 16, y: 102 }, { x: x - 2, y: 102 })
  }
  return drawing
    .bow({ x: 526, y: 52 }, { x: 386, y: 52 }, 34, 'bad')
    .text(456, 20, 'the WAL rule: never the other way round', 'bad')
    .text(
      16,
      186,
      'Write the page first, and a crash in between leaves a change on disk that no record can take back.',
      '',
      'start',
    )
}

function fuzzyCheckpoint(): Drawing {
  const { drawing, below, bottom } = logStrip('D07', {
    description:
      'The log of scenario D07: a checkpoint begins at 30 and ends at 90, with records of three transactions between. Analysis starts at 30, redo at 10, the oldest recLSN.',
    links: false,
    extraHeight: 70,
  })
  return drawing
    .arrow({ x: below(30).x, y: bottom + 22 }, { x: below(30).x, y: below(30).y + 4 }, 'strong')
    .text(below(30).x + 8, bottom + 24, 'the master record points here: analysis starts', 'strong', 'start')
    .arrow({ x: below(10).x, y: bottom + 48 }, { x: below(10).x, y: below(10).y + 4 })
    .text(
      below(10).x + 8,
      bottom + 54,
      'oldest recLSN of the table at 90: redo starts, and the log from here on is kept',
      '',
      'start',
    )
}

function analysisScan(): Drawing {
  const { drawing, below, bottom } = logStrip('S07', {
    description:
      'The log of scenario S07 with prevLSN links. Analysis reads from the checkpoint at 50 to the end; redo goes back to 10.',
    extraHeight: 60,
  })
  return drawing
    .arrow({ x: below(50).x - 30, y: bottom + 8 }, { x: below(120).x + 30, y: bottom + 8 }, 'strong')
    .text(below(80).x, bottom + 30, 'analysis: from the master record to the end of the log', 'strong')
    .arrow({ x: below(10).x - 30, y: bottom - 12 }, { x: below(120).x + 30, y: bottom - 12 })
    .text(below(10).x - 30, bottom + 30, 'redo will start at 10, before it', '', 'start')
}

function redoReasons(): Drawing {
  const marks = Object.fromEntries(
    scenarioOf('D08').episodes[0]?.expected.redo?.skipped?.map(({ lsn, reason }) => [
      lsn,
      `(${REASON_NUMBERS[reason]})`,
    ]) ?? [],
  )
  const { drawing } = logStrip('D08', {
    description: 'The log of scenario D08, and below each record why it is not redone, by number; only 40 is redone.',
    marks: { ...marks, 40: 'redone' },
    links: false,
  })
  return drawing
}

const REASON_NUMBERS: Readonly<Record<string, number>> = {
  'not-redoable': 1,
  'not-in-dpt': 2,
  'lsn<recLsn': 3,
  'pageLsn>=lsn': 4,
  'page-damaged': 5,
}

function redoTests(): Drawing {
  const drawing = new Drawing(
    760,
    250,
    'The tests of redo in order: does the record change a page; is its page in the dirty page table; is its LSN at least the recLSN; only then the page is read, and its pageLSN compared.',
  )
  const tests = [
    ['changes a page?', 'no: (1)'],
    ['page in the DPT?', 'no: (2)'],
    ['LSN >= recLSN?', 'no: (3)'],
    ['pageLSN < LSN?', 'no: (4)'],
  ] as const
  for (const [i, [test, no]] of tests.entries()) {
    const x = 16 + i * 150
    drawing.labelled(x, 60, 130, 60, [test], i === 3 ? 'one' : '')
    drawing.arrow({ x: x + 65, y: 120 }, { x: x + 65, y: 168 }).text(x + 65, 188, no, 'faint')
    drawing.arrow({ x: x + 130, y: 90 }, { x: x + (i === 3 ? 148 : 148), y: 90 }, 'strong')
  }
  return drawing
    .labelled(616, 60, 128, 60, ['redo it', 'pageLSN = LSN'], 'two')
    .text(230, 40, 'from the log and the table alone', 'faint')
    .text(531, 40, 'the page is read', 'strong')
    .text(16, 226, '(5) is a page that cannot be read: it is set apart, and the rest goes on', 'faint', 'start')
}

function clrChain(): Drawing {
  return logStrip('S17', {
    description:
      'The log of scenario S17, figure 4 of the paper, and what undo writes after the crash. prevLSN above; below, the undoNextLSN of each CLR leads past what is undone already: 90 leads to 50, and 50 to 10.',
    appended: writtenByUndo('S17'),
  }).drawing
}

function undoSweep(): Drawing {
  return logStrip('S01', {
    description:
      'The records of the two losers in the log of scenario S01, and what undo writes: one sweep backward over both, 80, 60, 40, 20.',
    appended: writtenByUndo('S01'),
    only: ['T1', 'T3'],
  }).drawing
}

function nestedTopAction(): Drawing {
  return logStrip('S20', {
    description:
      'The log of scenario S20, figure 14 of the paper: the dummy CLR at 60 leads undo from the end of the nested top action past 50, 40 and 30 to 20.',
    appended: writtenByUndo('S20'),
  }).drawing
}

export const FIGURES: Readonly<Record<string, () => Drawing>> = {
  'memory-and-disk': memoryAndDisk,
  'cut-transfer': cutTransfer,
  'page-lsns': pageLsns,
  'page-header': pageHeader,
  policies,
  'wal-order': walOrder,
  'bytes-of-a-record': bytesOfRecord,
  'fuzzy-checkpoint': fuzzyCheckpoint,
  'analysis-scan': analysisScan,
  'redo-tests': redoTests,
  'redo-reasons': redoReasons,
  'clr-chain': clrChain,
  'undo-sweep': undoSweep,
  'nested-top-action': nestedTopAction,
  split,
  'double-write': doubleWrite,
}
