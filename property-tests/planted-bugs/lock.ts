/** Planted bugs of the lock manager. */
import type { PlantedBug } from './planted-bug.ts'

const LOCK_MANAGER = 'src/lock/lock-manager.ts'
const LOCK_MODE = 'src/lock/lock-mode.ts'
const DEADLOCK = 'src/lock/deadlock.ts'

export const LOCK_BUGS: readonly PlantedBug[] = [
  {
    name: 'upgrade-past-a-reader',
    invariant: 'I21',
    sentence: 'A holder gets a stronger mode although another holder conflicts with it.',
    file: LOCK_MANAGER,
    find: 'if (!fitsHolders(head, target, held)) return this.#wait(owner, head, target, held, timeoutMs)',
    replace: '',
  },
  {
    name: 'newcomer-overtakes',
    invariant: 'I21',
    sentence: 'A request that fits the holders is granted although others wait, so a writer may starve behind readers.',
    file: LOCK_MANAGER,
    find: 'head.queue !== undefined || !fitsHolders(head, mode, undefined)',
    replace: '!fitsHolders(head, mode, undefined)',
  },
  {
    name: 'deadlock-not-detected',
    invariant: 'I21',
    sentence: 'No search is made when a wait begins, so a deadlock lasts until the timeout.',
    file: LOCK_MANAGER,
    find: 'this.#breakDeadlocks(owner)',
    replace: '',
  },
  {
    name: 'one-cycle-broken-of-several',
    invariant: 'I21',
    sentence: 'A wait that closes two cycles is searched once, and the second deadlock stays.',
    file: LOCK_MANAGER,
    find: 'while (requester.waiting !== undefined) {',
    replace: 'if (requester.waiting !== undefined) {',
  },
  {
    name: 'lost-wake-up-after-release',
    invariant: 'I21',
    sentence: 'Waits are looked at only when the last holder goes, and an upgrade is forgotten.',
    file: LOCK_MANAGER,
    find: 'if (head.queue !== undefined) this.#grantWaits(head, head.queue)',
    replace: 'if (head.queue !== undefined) head.firstGrant ?? this.#grantWaits(head, head.queue)',
  },
  {
    name: 'lost-wake-up-after-cancel',
    invariant: 'I21',
    sentence: 'When a wait is given up, those who waited behind it alone are not granted.',
    file: LOCK_MANAGER,
    find: `    wait.reject(error)
    this.#grantWaits(head, queue)`,
    replace: `    wait.reject(error)
    if (queue.first === undefined) head.queue = undefined`,
  },
  {
    name: 'only-the-first-is-granted',
    invariant: 'I21',
    sentence: 'Of several readers that wait, a release wakes only the first.',
    file: LOCK_MANAGER,
    find: '      wait = next\n    }\n    if (queue',
    replace: '      break\n    }\n    if (queue',
  },
  {
    name: 'timer-of-ended-wait-runs-on',
    invariant: 'I21',
    sentence: 'The timeout of a wait that was granted strikes all the same.',
    file: LOCK_MANAGER,
    find: 'wait.cancelTimer?.()',
    replace: '',
    first: 'crash.property.test.ts',
  },
  {
    name: 'deadlock-through-the-queue-missed',
    invariant: 'I21',
    sentence: 'The search follows waits for holders and not those for waits ahead, and misses cycles through them.',
    file: DEADLOCK,
    find: 'if (this.#expandHolders(wait, index) || this.#expandWaitsAhead(wait, index))',
    replace: 'if (this.#expandHolders(wait, index))',
  },
  {
    name: 'victim-already-rolling-back',
    invariant: 'I20',
    sentence: 'A transaction that is rolling back is chosen as the victim of a deadlock.',
    file: DEADLOCK,
    find: 'if (owner.transaction.isRollingBack) continue',
    replace: '',
  },
  {
    name: 'dearest-victim',
    invariant: 'I21',
    sentence: 'The victim is the member that has written the most.',
    file: DEADLOCK,
    find: 'difference !== 0 ? difference < 0',
    replace: 'difference !== 0 ? difference > 0',
  },
  {
    name: 'six-beside-ix',
    invariant: 'I21',
    sentence:
      'The compatibility table lets IX in beside SIX, so one writes a record that another reads with the whole table.',
    file: LOCK_MODE,
    find: '  [true, true, false, false, false, false],',
    replace: '  [true, true, true, false, false, false],',
  },
  {
    name: 's-and-ix-is-ix',
    invariant: 'I21',
    sentence: 'Who holds S and asks for IX gets IX, and has lost the right to read.',
    file: LOCK_MODE,
    find: '[S, S, SIX, S, SIX, X]',
    replace: '[S, S, IX, S, SIX, X]',
  },
  {
    name: 'upgrade-behind-the-others',
    invariant: 'I21',
    sentence: 'An upgrade queues behind ordinary waits, which wait for its holder: a deadlock without need.',
    file: 'src/lock/lock-owner.ts',
    find: 'const previous = wait.held === undefined ? this.last : this.lastUpgrade',
    replace: 'const previous = this.last',
  },
  {
    name: 'insert-beside-a-kept-gap',
    invariant: 'I21',
    sentence: 'A key may be inserted into a gap that another transaction keeps as it is.',
    file: LOCK_MODE,
    find: 'gapPart(a) === 0 || gapPart(b) === 0 || together === GAP_S || together === GAP_I',
    replace: 'gapPart(a) === 0 || gapPart(b) === 0 || together !== 0',
  },
  {
    name: 'kept-gaps-forgotten-by-an-upgrade',
    invariant: 'I21',
    sentence: 'A record lock that becomes a key-range lock is not counted, so inserts do not look at gaps at all.',
    file: LOCK_MANAGER,
    find: 'if (keepsGap(mode) && !keepsGap(held.mode)) this.#countGap(held.head.space, 1)',
    replace: '',
    first: 'phantoms.property.test.ts',
  },
  {
    name: 'escalated-past-another-holder',
    invariant: 'I21',
    sentence: 'A transaction with many locks in a table gets the table as a whole although others use it.',
    file: LOCK_MANAGER,
    find: 'if (!fitsHolders(held.head, target, held)) return false',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'keys-given-back-without-the-table',
    invariant: 'I21',
    sentence: 'A transaction that did not get the table as a whole has given its locks on keys back all the same.',
    file: LOCK_MANAGER,
    find: 'if (!fitsHolders(held.head, target, held)) return false',
    replace: `if (!fitsHolders(held.head, target, held)) {
        this.cover(owner, space, target)
        return false
      }`,
    first: 'isolation.property.test.ts',
  },
  {
    name: 'ghost-removed-under-a-locked-table',
    invariant: 'I22',
    sentence:
      'Whether a ghost is needed is asked of its own lock only, not of the lock on the whole table, and a rollback does not find the row.',
    file: LOCK_MANAGER,
    find: 'if (this.#covered.size > 0 && this.#covered.has(space)) return true',
    replace: '',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'shared-table-covers-writes',
    invariant: 'I21',
    sentence: 'Who holds a table shared, and with it SIX, writes keys in it without locking them.',
    file: LOCK_MODE,
    find: '((tableMode === S || tableMode === SIX) && onlyReads(mode))',
    replace: 'tableMode === S || tableMode === SIX',
    first: 'isolation.property.test.ts',
  },
  {
    name: 'locks-lost-behind-what-was-given-back',
    invariant: 'I17',
    sentence:
      'After locks were given back because the table is held, the end of the list of locks is wrong, and the next ones are never given back.',
    file: 'src/lock/lock-owner.ts',
    find: '  owner.lastGrant = lastKept\n',
    replace: '',
    first: 'isolation.property.test.ts',
  },
]
