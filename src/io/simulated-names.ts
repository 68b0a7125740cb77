/**
 * The directory of the simulated disk, its names kept twice, as simulated-content.ts keeps bytes:
 *
 *   live      what the process sees
 *   durable   what a power cut cannot take: the state of the last directory sync
 *   pending   the changes between the two, oldest first
 *
 * A name and the bytes behind it become durable apart from each other, in either order: a synced file
 * is lost with its name, and a durable name, a renamed one too, can stand before an empty file. A power
 * cut in the middle of a rename leaves two names of one file: what is written to it shows under both.
 */
import type { Digest } from './digest.ts'
import { compareNames } from './names.ts'
import { type PendingChange, type PendingName, type Survival, wholeSurvival } from './simulated-changes.ts'
import { SimulatedContent } from './simulated-content.ts'

interface NameChange extends PendingName {
  readonly content: SimulatedContent
}

const EVERYTHING = wholeSurvival(true)

export class SimulatedNames {
  #live = new Map<string, SimulatedContent>()
  #durable = new Map<string, SimulatedContent>()
  #pending: NameChange[] = []

  /** The names a process sees, sorted. */
  list(): string[] {
    return [...this.#live.keys()].sort(compareNames)
  }

  get(name: string): SimulatedContent | undefined {
    return this.#live.get(name)
  }

  get count(): number {
    return this.#live.size
  }

  /** Bytes of all files that a process sees. */
  usedBytes(): number {
    let used = 0
    for (const content of new Set(this.#live.values())) used += content.live.length
    return used
  }

  create(name: string, sequence: number): SimulatedContent {
    const content = new SimulatedContent()
    this.#live.set(name, content)
    this.#pending.push({ kind: 'create', sequence, file: name, content })
    return content
  }

  rename(from: string, to: string, sequence: number): void {
    const content = this.#live.get(from) as SimulatedContent
    // POSIX: of two names of one file neither goes.
    if (this.#live.get(to) === content) return
    this.#live.delete(from)
    this.#live.set(to, content)
    this.#pending.push({ kind: 'rename', sequence, file: from, to, content })
  }

  remove(name: string, sequence: number): void {
    const content = this.#live.get(name) as SimulatedContent
    this.#live.delete(name)
    this.#pending.push({ kind: 'remove', sequence, file: name, content })
  }

  /** Makes the changes below the sequence number `end` durable. */
  syncBefore(end: number): void {
    for (const change of this.#pending) if (change.sequence < end) replayName(this.#durable, change, EVERYTHING)
    this.dropBefore(end)
  }

  /** A failed sync: no later one makes these changes durable, though the process sees them. */
  dropBefore(end: number): void {
    this.#pending = this.#pending.filter(({ sequence }) => sequence >= end)
  }

  /** Whether a change of this name is not durable. */
  isPending(name: string): boolean {
    return this.#pending.some(({ file, to }) => file === name || to === name)
  }

  /** Puts a file at rest in the place of another, or of none. */
  place(name: string, content: SimulatedContent): void {
    this.#live.set(name, content)
    this.#durable.set(name, content)
  }

  /** Takes a file away at rest. */
  lose(name: string): void {
    this.#live.delete(name)
    this.#durable.delete(name)
  }

  /** Every change that a power cut could lose, oldest first. */
  pendingChanges(): PendingChange[] {
    const ofContents = [...this.#contents()].flatMap(({ pending }) => pending)
    return [...this.#pending, ...ofContents].sort((a, b) => a.sequence - b.sequence)
  }

  /** The sequence number of the oldest pending change, at most `next`. */
  firstPending(next: number): number {
    let first = this.#pending[0]?.sequence ?? next
    for (const content of this.#contents()) first = Math.min(first, content.pending[0]?.sequence ?? first)
    return first
  }

  /** The same directory for another disk: nothing lost, pending changes pending. */
  clone(): SimulatedNames {
    const copyOf = copier((content) => content.clone())
    const after = new SimulatedNames()
    for (const [name, content] of this.#live) after.#live.set(name, copyOf(content))
    for (const [name, content] of this.#durable) after.#durable.set(name, copyOf(content))
    after.#pending = this.#pending.map((change) => ({ ...change, content: copyOf(change.content) }))
    return after
  }

  /** The directory as a power cut leaves it. */
  afterPowerCut(survival: Survival): SimulatedNames {
    const names = new Map(this.#durable)
    for (const change of this.#pending) replayName(names, change, survival)
    const copyOf = copier((content) => content.afterPowerCut(survival))
    const after = new SimulatedNames()
    for (const [name, content] of names) after.#live.set(name, copyOf(content))
    after.#durable = new Map(after.#live)
    return after
  }

  /** Adds both directories, with all their files, to a digest. */
  addTo(digest: Digest): void {
    for (const names of [this.#live, this.#durable]) {
      for (const name of [...names.keys()].sort(compareNames)) {
        digest.addText(name)
        names.get(name)?.addTo(digest)
      }
    }
  }

  /** Every file that a crash could show, unlinked ones whose unlinking is not durable among them. */
  #contents(): Set<SimulatedContent> {
    const contents = new Set([...this.#live.values(), ...this.#durable.values()])
    for (const { content } of this.#pending) contents.add(content)
    return contents
  }
}

/** Copies each content once: two names of one file stay two names of one file. */
function copier(copyOf: (content: SimulatedContent) => SimulatedContent): typeof copyOf {
  const copies = new Map<SimulatedContent, SimulatedContent>()
  return (content) => {
    const copy = copies.get(content) ?? copyOf(content)
    copies.set(content, copy)
    return copy
  }
}

/** Replays what survives of a change of names; a name that is another file's by now is let be. */
function replayName(names: Map<string, SimulatedContent>, change: NameChange, survival: Survival): void {
  const survives = survival.of(change)
  if (!survives(0)) return
  if (change.kind === 'create') names.set(change.file, change.content)
  if (change.kind === 'rename') names.set(change.to as string, change.content)
  const goes = change.kind === 'remove' || (change.kind === 'rename' && survives(1))
  if (goes && names.get(change.file) === change.content) names.delete(change.file)
}
