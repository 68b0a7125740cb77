/**
 * Which walk a transaction goes on: with locks, as a view shows the rows, or with locks on what it will change only.
 */
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import { LockedWalk, type WalkLock } from './locked-walk.ts'
import type { ByteRange } from './range.ts'
import { SnapshotWalk } from './snapshot-walk.ts'
import type { TransactionContext } from './transaction-context.ts'
import type { VersionView } from './version-view.ts'
import { ViewWalk } from './view-walk.ts'
import type { Walk } from './walk.ts'

/** What a walk locks of a key, for reading and for writing. */
const WALK_MODES: Readonly<Record<'forRead' | 'forUpdate', Readonly<Record<WalkLock, LockMode>>>> = {
  forRead: { record: LockMode.S, gap: LockMode.gapS, both: LockMode['S+gapS'] },
  forUpdate: { record: LockMode.X, gap: LockMode.gapS, both: LockMode['X+gapS'] },
}

/** A walk over a range of the table `name`, for reading it or for changing what it finds. @throws `TX_CLOSED`, `TX_READ_ONLY` */
export function openWalk(context: TransactionContext, name: string, range: ByteRange, forUpdate: boolean): Walk {
  if (forUpdate) context.checkMayWrite()
  const { store, locks, view } = context
  if (view !== undefined) return openViewWalk(context, view, name, range, forUpdate)
  const giveWay = (): Promise<void> | undefined => store.transactions.giveWay()
  const modes = forUpdate ? WALK_MODES.forUpdate : WALK_MODES.forRead
  return new LockedWalk(range, {
    findTree: () => locks.treeFor(name, forUpdate ? LockMode.IX : LockMode.IS),
    treeChanges: () => locks.treeChanges,
    giveWay,
    openCursor: (tree) => store.cursor(tree),
    lock: (tree, key, what) => locks.lock(tree, key, modes[what]),
    mayVanish: (tree, key) => mayVanish(context, tree, key),
  })
}

/**
 * Whether a rollback to a savepoint may take the key away. Without a savepoint nothing is rolled back but what one
 * operation has done, if that fails, and no range is read before that is over.
 */
function mayVanish({ locks, hasSavepoints }: TransactionContext, tree: PageId, key: Uint8Array): boolean {
  return hasSavepoints && locks.holdsExclusively(tree, key)
}

/** A walk without locks; what will be changed is locked when it is reached. */
function openViewWalk(
  context: TransactionContext,
  view: VersionView,
  name: string,
  range: ByteRange,
  forUpdate: boolean,
): Walk {
  const { active, locks, isReadOnly, store } = context
  const { view: fixed, close } = view.fixed()
  // A walk may still be open when its transaction ends.
  if (close !== undefined) active.whenEnded(close)
  const onClose = (): void => {
    if (close === undefined) return
    // A transaction may read any number of ranges.
    active.forgetEnding(close)
    close()
  }
  const treeChanges = (): number => locks.treeChanges
  const giveWay = (): Promise<void> | undefined => store.transactions.giveWay()
  if (!forUpdate) {
    const ports = { findTree: () => fixed.findTree(name), onClose }
    if (isReadOnly) return new SnapshotWalk(range, fixed, ports)
    return new ViewWalk(range, fixed, { ...ports, treeChanges, giveWay })
  }
  return new ViewWalk(range, fixed, {
    findTree: () => context.treeToChange(name),
    treeChanges,
    giveWay,
    claim: (tree, key) => {
      const wait = locks.lock(tree, key, LockMode.X)
      if (wait === undefined) view.checkMayChange(tree, key)
      return wait
    },
    onClose,
  })
}
