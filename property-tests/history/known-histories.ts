/** Histories whose anomalies are known, and which levels allow them: those of the literature, and one at least for each name. */
import type { Level } from './history.ts'

interface Case {
  readonly title: string
  readonly history: string
  /** The anomalies in it. */
  readonly has: readonly string[]
  /** The levels that allow all of it; `$` in the history is the level. */
  readonly allowedAt: readonly Level[]
}

const ALL: readonly Level[] = ['serializable', 'snapshot', 'read-committed']
const NONE: readonly Level[] = []
const RC: readonly Level[] = ['read-committed']
const WEAK: readonly Level[] = ['snapshot', 'read-committed']

export const GOOD: readonly Case[] = [
  {
    title: 'one after the other',
    history: `T1 @0-1 $: a(x,1) w(p,1) commit
      T2 @2-3 $: r(x)=[1] a(x,2) r(x)=[1 2] r(p)=1 w(p,2) commit
      T3 @4-5 $: r(x)=[1 2] r(p)=2 commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'side by side, and the later one read first',
    history: `T1 @0-9 $: r(x)=[] r(y)=[] commit
      T2 @1-8 $: a(x,1) a(y,2) commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'its own changes, also those undone',
    history: `T1 $: a(x,1) r(x)=[1] a(x,2)~5 r(x)=[1 2] w(p,3)~5 r(x)=[1] r(p)=- w(p,4) r(p)=4 d(p,5) r(p)=- commit
      T2 $: r(x)=[1] commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'changes that were rolled back and nobody saw',
    history: `T1 $: a(x,1) abort
      T2 $: a(x,2) r(x)=[2] commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'a commit under way at the crash that has taken place',
    history: `T1 @0-5 $: a(x,1) a(y,2) unknown
      T2 @6-7 $: r(x)=[1] r(y)=[2] commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'a commit under way at the crash that has not',
    history: `T1 @0-5 $: a(x,1) a(y,2) d(p,3) unknown
      T2 @6-7 $: r(x)=[] r(y)=[] commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'a deletion under way at the crash that has taken place',
    history: `T1 @0-1 $: w(p,1) commit
      T2 @2-5 $: d(p,2) unknown
      T3 @6-7 $: r(p)=- commit
      order p: 1 2`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'nothing, which may be of a deletion that was under way at the crash',
    history: `T1 @0-1 $: d(p,1) commit
      T2 @2-3 $: w(p,2) commit
      T3 @4-5 $: d(p,3) unknown
      T4 @6-7 $: r(p)=- commit
      order p: 1 2 3`,
    has: [],
    allowedAt: ALL,
  },
  {
    title: 'nothing, which may be before the first write or after the deletion',
    history: `T1 @0-9 $: w(p,1) commit
      T2 @0-9 $: d(p,2) commit
      T3 @0-9 $: r(p)=- r(x)=[] commit
      T4 @0-9 $: a(x,3) r(p)=1 commit
      order p: 1 2`,
    has: [],
    allowedAt: ALL,
  },
  {
    // Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions" (ICDE 2000), section 3: locks refuse it.
    title: "H1': reading what is not committed yet and committing after it",
    history: `T0 @0-1 $: w(x,5) w(y,5) commit
      T1 @2-8 $: r(x)=5 w(x,1) r(y)=5 w(y,9) commit
      T2 @3-9 $: r(x)=1 r(y)=9 commit`,
    has: [],
    allowedAt: ALL,
  },
  {
    // The same paper: it is serializable as T2, T3, T1, though nobody could tell in time.
    title: 'H serial',
    history: `T1 $: w(z,1) w(x,1) w(y,1) w(w,1) commit
      T2 $: r(w)=1 w(w,2) w(x,2) commit
      T3 $: r(x)=2 w(y,3) r(w)=2 w(z,3) commit
      order x: 1 2
      order y: 1 3
      order z: 1 3`,
    has: [],
    allowedAt: ALL,
  },
]

export const BAD: readonly Case[] = [
  {
    // Adya's thesis, section 3.1: the writes of two transactions interleave.
    title: 'G0: H wcycle',
    history: `T1 $: w(x,2) w(y,8) commit
      T2 $: w(x,5) w(y,7) commit
      order x: 2 5
      order y: 7 8`,
    has: ['G0'],
    allowedAt: NONE,
  },
  {
    title: 'G0 with lists',
    history: `T1 $: a(x,1) a(x,3) commit
      T2 $: a(x,2) commit
      T3 $: r(x)=[1 2 3] commit`,
    has: ['G0'],
    allowedAt: NONE,
  },
  {
    title: 'G1a: H1, aborted read',
    history: `T1 $: w(x,2) abort
      T2 $: r(x)=2 r(y)=- commit`,
    has: ['G1a'],
    allowedAt: NONE,
  },
  {
    title: 'G1a in the middle of a list',
    history: `T1 $: a(x,1) abort
      T2 $: a(x,2) commit
      T3 $: r(x)=[1 2] commit`,
    has: ['G1a'],
    allowedAt: NONE,
  },
  {
    title: 'G1a: what was undone by a rollback to a savepoint',
    history: `T1 $: w(p,1)~1 w(q,2) commit
      T2 $: r(p)=1 commit`,
    has: ['G1a'],
    allowedAt: NONE,
  },
  {
    title: 'G1a by one that rolls back itself',
    history: `T1 $: w(p,1) abort
      T2 $: range(a,z)={p:1} abort`,
    has: ['G1a'],
    allowedAt: NONE,
  },
  {
    title: 'G1b: intermediate read',
    history: `T1 $: w(x,1) w(x,2) commit
      T2 $: r(x)=1 commit`,
    has: ['G1b'],
    allowedAt: NONE,
  },
  {
    title: 'G1b with lists',
    history: `T1 $: a(x,1) a(x,2) commit
      T2 $: r(x)=[1] commit
      T3 $: r(x)=[1 2] commit`,
    has: ['G1b', 'G-single'],
    allowedAt: NONE,
  },
  {
    title: 'G1c: both read what the other wrote',
    history: `T1 $: w(x,1) r(y)=2 commit
      T2 $: w(y,2) r(x)=1 commit`,
    has: ['G1c'],
    allowedAt: NONE,
  },
  {
    title: 'lost update, Berenson et al. P4',
    history: `T0 @0-1 $: w(x,100) commit
      T1 @2-5 $: r(x)=100 w(x,130) commit
      T2 @2-6 $: r(x)=100 w(x,120) commit
      order x: 100 120 130`,
    has: ['lost update'],
    allowedAt: RC,
  },
  {
    title: 'lost update when nobody knows which',
    history: `T0 @0-1 $: w(x,100) commit
      T1 @2-5 $: r(x)=100 w(x,130) commit
      T2 @2-6 $: r(x)=100 w(x,120) commit`,
    has: ['lost update'],
    allowedAt: RC,
  },
  {
    title: 'lost append',
    history: `T0 @0-1 $: a(x,1) commit
      T1 @2-5 $: r(x)=[1] a(x,2) commit
      T2 @2-6 $: r(x)=[1] a(x,3) commit
      T3 @7-8 $: r(x)=[1 3] commit`,
    has: ['lost update'],
    allowedAt: RC,
  },
  {
    title: 'G-single: read skew',
    history: `T0 @0-1 $: w(x,5) w(y,5) commit
      T1 @2-9 $: r(x)=5 r(y)=9 commit
      T2 @3-4 $: w(x,1) w(y,9) commit
      order x: 5 1
      order y: 5 9`,
    has: ['G-single'],
    allowedAt: RC,
  },
  {
    title: 'G-single within one range, Elle section 4',
    history: `T1 $: a(x,1) a(y,1) commit
      T2 $: r(x)=[] r(y)=[1] commit
      T3 $: r(x)=[1] commit`,
    has: ['G-single'],
    allowedAt: RC,
  },
  {
    title: 'G-nonadjacent: two rw with a wr between each (long fork)',
    history: `T1 $: a(x,1) commit
      T2 $: a(y,2) commit
      T3 $: r(x)=[1] r(y)=[] commit
      T4 $: r(x)=[] r(y)=[2] commit`,
    has: ['G-nonadjacent'],
    allowedAt: RC,
  },
  {
    title: 'G2-item: write skew, Berenson et al. H5',
    history: `T0 @0-1 $: w(x,50) w(y,51) commit
      T1 @2-5 $: r(x)=50 r(y)=51 w(y,52) commit
      T2 @2-6 $: r(x)=50 r(y)=51 w(x,53) commit`,
    has: ['G2-item'],
    allowedAt: WEAK,
  },
  {
    title: 'G2-item of three, Fekete et al.: a reader sees what cannot be',
    history: `T0 @0-1 $: w(x,1) w(y,2) commit
      T1 @2-9 $: r(x)=1 r(y)=2 w(x,3) commit
      T2 @3-4 $: r(y)=2 w(y,4) commit
      T3 @5-6 $: r(x)=1 r(y)=4 commit`,
    has: ['G2-item'],
    allowedAt: WEAK,
  },
  {
    title: 'G2: both look for what the other inserts',
    history: `T1 $: range(a,f)={} w(b,1) commit
      T2 $: range(a,f)={} w(c,2) commit`,
    has: ['G2'],
    allowedAt: WEAK,
  },
  {
    title: 'a phantom, H phantom of Adya: G-single by a range',
    history: `T0 @0-1 $: w(a,1) w(sum,1) commit
      T1 @2-9 $: range(a,f)={a:1} r(sum)=3 commit
      T2 @3-4 $: w(b,2) w(sum,3) commit`,
    has: ['G-single'],
    allowedAt: RC,
  },
  {
    title: 'a deletion that one range has seen and the next one has not',
    history: `T0 @0-1 $: w(a,1) w(b,2) commit
      T1 @2-9 $: range(a,c)={a:1} range(a,c)={a:1 b:2} commit
      T2 @3-4 $: d(b,3) commit
      order b: 2 3`,
    has: ['G-single'],
    allowedAt: RC,
  },
  {
    title: 'a stale read',
    history: `T1 @0-1 $: a(x,1) commit
      T2 @2-3 $: r(x)=[] commit`,
    has: ['G-single-realtime'],
    allowedAt: RC,
  },
  {
    title: 'what was committed is gone after the crash',
    history: `T1 @0-1 $: a(x,1) a(x,2) commit
      T2 @2-3 $: a(x,3) commit
      T3 @4-5 $: r(x)=[1 2] commit`,
    has: ['G-single-realtime'],
    allowedAt: RC,
  },
  {
    title: 'a commit under way at the crash that somebody saw, and half of it is gone',
    history: `T1 @0-5 $: a(x,1) a(y,2) unknown
      T2 @1-4 $: r(x)=[1] commit
      T3 @6-7 $: r(x)=[1] r(y)=[] commit`,
    has: ['G-single'],
    allowedAt: RC,
  },
  {
    title: 'circular information flow through time',
    history: `T1 @0-1 $: r(x)=[1] a(y,2) commit
      T2 @2-3 $: a(x,1) commit`,
    has: ['G1c-realtime'],
    allowedAt: NONE,
  },
  {
    title: 'lists that cannot both have been',
    history: `T1 $: a(x,1) commit
      T2 $: a(x,2) commit
      T3 $: r(x)=[1 2] commit
      T4 $: r(x)=[2] commit`,
    has: ['incompatible orders'],
    allowedAt: NONE,
  },
  {
    title: 'what nobody wrote',
    history: 'T1 $: r(x)=[7] r(p)=8 commit',
    has: ['never written'],
    allowedAt: NONE,
  },
  {
    title: 'an element twice',
    history: `T1 $: a(x,1) commit
      T2 $: r(x)=[1 1] commit`,
    has: ['read twice'],
    allowedAt: NONE,
  },
  ...['w(p,1) r(p)=-', 'a(x,1) r(x)=[]', 'w(p,1) d(p,2) r(p)=1', 'w(p,1) range(a,z)={}', 'w(p,1) w(p,2)~3 r(p)=1'].map(
    (operations) => ({
      title: `own changes not seen: ${operations}`,
      history: `T1 $: ${operations} commit`,
      has: ['own change not seen'],
      allowedAt: NONE,
    }),
  ),
]

/** Levels side by side: `T1 snapshot` and so on. */
export const MIXED: readonly { readonly title: string; readonly history: string; readonly isAllowed: boolean }[] = [
  {
    title: 'write skew of a snapshot and a serializable transaction: only one of them has read too early',
    history: `T1 snapshot: r(x)=[] a(y,1) commit
      T2 serializable: r(y)=[] a(x,2) commit`,
    isAllowed: true,
  },
  {
    title: 'read-only snapshots beside serializable writers, in two orders',
    history: `T1 serializable: a(x,1) commit
      T2 serializable: a(y,2) commit
      T3 snapshot: r(x)=[1] r(y)=[] commit
      T4 snapshot: r(x)=[] r(y)=[2] commit`,
    isAllowed: false,
  },
  {
    title: 'a read-committed reader between serializable writers',
    history: `T1 serializable: a(x,1) a(y,2) commit
      T2 read-committed: r(x)=[] r(y)=[2] commit`,
    isAllowed: true,
  },
  {
    title: 'a read-committed reader whose operations show one moment each',
    history: `T0 @0-1 serializable: a(x,1) commit
      T1 @2-5 serializable: a(x,2) a(y,3) commit
      T2 @3-9 read-committed: r(x)=[1]@4-6 r(y)=[3]@6-7 a(y,4) r(y)=[3 4]@7-8 commit`,
    isAllowed: true,
  },
  {
    title: 'a range of a read-committed reader that shows two moments',
    history: `T1 @0-3 serializable: w(a,1) w(b,2) commit
      T2 @0-9 read-committed: range(a,c)={b:2}@1-4 commit`,
    isAllowed: false,
  },
  {
    title: 'a read-committed reader that misses what was committed before its operation',
    history: `T0 @0-1 serializable: a(x,1) commit
      T1 @2-5 serializable: a(x,2) commit
      T2 @3-9 read-committed: r(x)=[1]@6-7 commit
      T3 @10-11 serializable: r(x)=[1 2] commit`,
    isAllowed: false,
  },
  {
    title: 'a serializable reader between read-committed writers',
    history: `T1 read-committed: a(x,1) a(y,2) commit
      T2 serializable: r(x)=[] r(y)=[2] commit`,
    isAllowed: false,
  },
  {
    title: 'a forbidden cycle beside a shorter one that is allowed',
    history: `T1 snapshot: r(x)=[] a(y,1) commit
      T2 snapshot: r(y)=[] a(x,2) commit
      T3 serializable: r(y)=[] r(x)=[2] a(z,3) commit
      T4 serializable: r(y)=[1] r(z)=[] a(x,4) commit
      T5 serializable: r(x)=[2 4] commit`,
    isAllowed: false,
  },
]
