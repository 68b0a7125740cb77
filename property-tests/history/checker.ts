/**
 * Judges a history: everything in it that is not serializable, by its name, and whether the levels of the
 * transactions that take part allow it. See history.ts for what a history is, versions.ts and cycles.ts
 * for how it is judged.
 */
import { type Cycle, DependencyGraph, type EdgeKind, explain, isForbidden, nameOf } from './cycles.ts'
import type { History } from './history.ts'
import { Versions } from './versions.ts'

export interface Anomaly {
  readonly name: string
  readonly isForbidden: boolean
  /** What happened, in sentences. */
  readonly text: string
}

export interface Report {
  readonly anomalies: readonly Anomaly[]
  readonly transactions: number
  readonly committed: number
  readonly edges: Readonly<Record<EdgeKind, number>>
}

export function check(history: History): Report {
  const { transactions } = history
  const versions = new Versions(history)
  const graph = new DependencyGraph(versions, [...transactions, ...versions.moments])
  const edges = { ww: 0, wr: 0, rw: 0, rt: 0 }
  for (const { kind } of graph.edges) edges[kind]++
  const findings = versions.findings.map((each) => ({ ...each, isForbidden: true }))
  return {
    anomalies: [...findings, ...graph.cycles().map(anomalyOf)],
    transactions: transactions.length,
    committed: transactions.filter((each) => versions.hasCommitted(each)).length,
    edges,
  }
}

function anomalyOf(cycle: Cycle): Anomaly {
  const lines = cycle.map((edge) => `  ${explain(edge)}: ${edge.from.name} before ${edge.to.name} (${edge.kind})`)
  return { name: nameOf(cycle), isForbidden: isForbidden(cycle), text: lines.join('\n') }
}
