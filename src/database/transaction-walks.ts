/**
 * Which walk a transaction goes on: with locks, as a view shows the rows, or with locks on what it will change only.
 */
import type { TreeCursor } from '../btree/cursor.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { LockedWalk, type WalkLock } from './locked-walk.ts'
import type { ByteRange } from './range.ts'
import { SnapshotWalk } from './snapshot-walk.ts'
import type { TransactionLocks } from './transaction-locks.ts'
import type { VersionView } from './version-view.ts'
import { ViewWalk } from './view-walk.ts'
import type { Walk } from './walk.ts'

/** What a walk needs of its transaction. */
export interface WalkingTransaction {
  readonly locks: TransactionLocks
  /** How it reads without locks; undefined when it reads with them. */
  readonly view: VersionView | undefined
  readonly isReadOnly: boolean
  readonly hasSavepoints: () => boolean
  /** Locks the table to change it, and finds its tree; a promise when it has to be called again. */
  readonly treeToChange: () => PageId | Promise<void> | undefined
  readonly openCursor: (tree: PageId) => TreeCursor
  /** Closes the view of a walk that is still open when the transaction ends. */
  readonly endings: Pick<ActiveTransaction, 'whenEnded' | 'forgetEnding'>
}

/** What a walk locks of a key, for reading and for writing. */
const WALK_MODES: Readonly<Record<'forRead' | 'forUpdate', Readonly<Record<WalkLock, LockMode>>>> = {
  forRead: { record: LockMode.S, gap: LockMode.gapS, both: LockMode['S+gapS'] },
  forUpdate: { record: LockMode.X, gap: LockMode.gapS, both: LockMode['X+gapS'] },
}

/** A walk over a range of the table `name`, for reading it or for changing what it finds. */
export function openWalk(transaction: WalkingTransaction, name: string, range: ByteRange, forUpdate: boolean): Walk {
  const { locks, view } = transaction
  if (view !== undefined) return openViewWalk(transaction, view, name, range, forUpdate)
  const tableMode = forUpdate ? LockMode.IX : LockMode.IS
  const modes = forUpdate ? WALK_MODES.forUpdate : WALK_MODES.forRead
  return new LockedWalk(range, {
    findTree: () => locks.treeFor(name, tableMode),
    treeChanges: () => locks.treeChanges,
    openCursor: transaction.openCursor,
    lock: (tree, key, what) => locks.lock(tree, key, modes[what]),
    mayVanish: (tree, key) => mayVanish(transaction, tree, key),
  })
}

/**
 * Whether a rollback to a savepoint may take the key away. Without a savepoint nothing is rolled back but what one
 * operation has done, if that fails, and no range is read before that is over.
 */
function mayVanish({ locks, hasSavepoints }: WalkingTransaction, tree: PageId, key: Uint8Array): boolean {
  return hasSavepoints() && locks.holdsExclusively(tree, key)
}

/** A walk without locks; what will be changed is locked when it is reached. */
function openViewWalk(
  { locks, isReadOnly, treeToChange, endings }: WalkingTransaction,
  view: VersionView,
  name: string,
  range: ByteRange,
  forUpdate: boolean,
): Walk {
  const { view: fixed, close } = view.fixed()
  if (close !== undefined) endings.whenEnded(close)
  const onClose = (): void => {
    if (close === undefined) return
    // A transaction may read any number of ranges.
    endings.forgetEnding(close)
    close()
  }
  const treeChanges = (): number => locks.treeChanges
  if (!forUpdate) {
    const ports = { findTree: () => fixed.findTree(name), onClose }
    return isReadOnly ? new SnapshotWalk(range, fixed, ports) : new ViewWalk(range, fixed, { ...ports, treeChanges })
  }
  return new ViewWalk(range, fixed, {
    findTree: treeToChange,
    treeChanges,
    claim: (tree, key) => {
      const wait = locks.lock(tree, key, LockMode.X)
      if (wait === undefined) view.checkMayChange(tree, key)
      return wait
    },
    onClose,
  })
}
