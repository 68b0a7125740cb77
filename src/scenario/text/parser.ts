/**
 * The statements of the text notation, one a line; docs/scenarios.md has them in a table.
 *
 * A statement belongs to the block above it: `log`, `restart`, `rollback`, `refuse`, `case`. Records, which
 * begin with a number, belong to the `log` or `writes` above them.
 */
import { REDO_REASONS } from '../scenario.ts'
import { type Block, OPTIONS, type ScenarioDraft } from './draft.ts'
import type { Position } from './lexer.ts'
import type { Line } from './line.ts'
import { readAtt, readDpt, readFirstLsns } from './tables.ts'

interface Statement {
  /** Empty = anywhere. */
  readonly blocks: readonly Block[]
  take(draft: ScenarioDraft, line: Line, at: Position): void
}

/** A statement that says one thing of the whole scenario. */
function field(name: string, read: (line: Line) => unknown): Statement {
  return {
    blocks: [],
    take: (draft, line, at) => {
      draft.say(name, read(line), at)
    },
  }
}

/** A statement that says one thing of a pass. */
function answer(pass: 'analysis' | 'redo', name: string, read: (line: Line) => unknown): Statement {
  return {
    blocks: ['restart'],
    take: (draft, line, at) => {
      draft.answer(pass, name, read(line), at)
    },
  }
}

/** `analysis from 10`, `redo from none`: the answers to a pass follow. */
function pass(name: 'analysis' | 'redo'): Statement {
  return {
    blocks: ['restart'],
    take: (draft, line, at) => {
      draft.startPass(name)
      if (line.takes('from')) draft.answer(name, 'startLsn', line.lsnOrNull('where the pass begins'), at)
    },
  }
}

const names = (line: Line): string[] =>
  line.row(
    () => line.name('a transaction or "none"'),
    () => !line.isAtEnd,
  )

/** `50 70 not-redoable, 90 not-in-dpt`: records in log order, each with the reason that follows. */
function readSkipped(line: Line): { lsn: number; reason: string }[] {
  return line
    .list(() => {
      const lsns = line.lsns('the LSN of a record that is not redone')
      const reason = line.oneOf(REDO_REASONS, 'the reason')
      return lsns.map((lsn) => ({ lsn, reason }))
    })
    .flat()
}

const text = (line: Line): string => line.name('text, in double quotes')

const STATEMENTS: Readonly<Record<string, Statement>> = {
  scenario: {
    blocks: ['head'],
    take: (draft, line, at) => {
      draft.say('id', line.name('the id of the scenario'), at)
      if (!line.isAtEnd) draft.say('title', text(line), at)
    },
  },
  family: { blocks: [], take: (draft, line) => draft.family(text(line)) },
  provenance: field('provenance', text),
  source: field('source', text),
  covers: field('covers', names),
  note: { blocks: [], take: (draft, line) => draft.add('notes', text(line)) },
  disagreement: { blocks: [], take: (draft, line) => draft.add('disagreements', text(line)) },
  options: {
    blocks: [],
    take: (draft, line) => {
      const known = OPTIONS.map(([name]) => name)
      const read = (): void => draft.option(line.oneOf(known, 'an option'))
      line.row(read, () => !line.isAtEnd)
    },
  },
  initial: { blocks: ['head'], take: (draft, line) => draft.initial(line) },
  log: { blocks: ['head'], take: (draft, line, at) => draft.startLog(line, at) },
  master: field('masterLsn', (line) => line.lsnOrNull('the LSN of a begin_checkpoint')),
  'low-water': field('lowWaterLsn', (line) => line.lsn('the oldest LSN that is still needed')),
  committed: field('committed', names),
  'rolled-back': field('rolledBack', names),
  restart: { blocks: [], take: (draft, line, at) => draft.restart(line, at) },
  disk: { blocks: ['restart', 'refuse'], take: (draft, line) => draft.page(line, 'disk') },
  analysis: pass('analysis'),
  att: answer('analysis', 'att', readAtt),
  dpt: {
    blocks: ['restart', 'case'],
    take: (draft, line, at) => {
      if (draft.block === 'case') draft.sayHere('dpt', readDpt(line), at)
      else draft.answer('analysis', 'dpt', readDpt(line), at)
    },
  },
  'att-after': answer('analysis', 'attAfter', (line) => (line.takes('same') ? null : readAtt(line))),
  redo: pass('redo'),
  redone: answer('redo', 'redone', (line) => line.lsns('the LSN of a record that is redone')),
  skipped: answer('redo', 'skipped', readSkipped),
  'dpt-after': answer('redo', 'dptAfterRedo', readDpt),
  undo: {
    blocks: ['restart', 'rollback'],
    take: (draft, line, at) => {
      if (draft.block === 'rollback') {
        draft.sayHere('undoOrder', undone(line), at)
        return
      }
      draft.startPass('undo')
      if (!line.isAtEnd) draft.answer('undo', 'order', undone(line), at)
    },
  },
  writes: { blocks: ['restart', 'rollback'], take: (draft, line, at) => draft.writes(line, at) },
  page: { blocks: ['restart', 'rollback'], take: (draft, line) => draft.lastPage(line) },
  crash: { blocks: ['restart'], take: (draft, line, at) => draft.crash(line, at) },
  flushed: { blocks: ['restart'], take: (draft, line, at) => draft.flushed(line, at) },
  rollback: {
    blocks: [],
    take: (draft, line, at) => {
      const txn = line.name('the transaction that rolls back')
      const toLsn = line.takes('to') ? line.lsnOrNull('the LSN of the savepoint') : null
      draft.startBlock('rollback', 'rollback', { txn, toLsn }, at)
    },
  },
  refuse: {
    blocks: [],
    take: (draft, line, at) => {
      draft.startBlock('refuse', 'invalid', { expectedError: line.name('the error code') }, at)
    },
  },
  case: {
    blocks: [],
    take: (draft, line, at) => {
      line.keyword('checkpoint')
      const checkpointBegin = line.lsn('the LSN of begin_checkpoint')
      line.keyword('low-water')
      draft.startCase({ checkpointBegin, lowWaterLsn: line.lsn('the low-water mark') }, at)
    },
  },
  first: { blocks: ['case'], take: (draft, line, at) => draft.sayHere('att', readFirstLsns(line), at) },
}

const undone = (line: Line): number[] => line.lsns('the LSN of a record that is undone')

/** Reads one line: a record or a statement. */
export function takeLine(draft: ScenarioDraft, line: Line): void {
  if (line.seesLsn) {
    draft.takeRecord(line)
    return
  }
  const { token } = line
  const word = token.kind === 'word' ? token.text : ''
  const statement = Object.hasOwn(STATEMENTS, word) ? STATEMENTS[word] : undefined
  if (statement === undefined) {
    line.fail(`expected a record, which begins with its LSN, or one of ${possibleIn(draft.block).join(', ')}`)
  }
  if (!isAllowed(statement, draft.block)) {
    line.fail(`"${word}" belongs below ${statement.blocks.map(blockName).join(' or ')}, and this is ${where(draft)}`)
  }
  line.keyword(word)
  draft.endRecords()
  statement.take(draft, line, token)
  line.end()
}

const isAllowed = ({ blocks }: Statement, block: Block): boolean => blocks.length === 0 || blocks.includes(block)

const possibleIn = (block: Block): string[] =>
  Object.entries(STATEMENTS).flatMap(([word, statement]) => (isAllowed(statement, block) ? [word] : []))

const blockName = (block: Block): string => (block === 'head' ? '"scenario", before the log' : `"${block}"`)

const where = ({ block }: ScenarioDraft): string => (block === 'head' ? 'the head of the scenario' : `below "${block}"`)
