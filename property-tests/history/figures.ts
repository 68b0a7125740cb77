/** How much was checked, and what was found of what is allowed. */
import type { Report } from './checker.ts'

export class Figures {
  histories = 0
  transactions = 0
  committed = 0
  readonly edges = { ww: 0, wr: 0, rw: 0, rt: 0 }
  /** The anomalies that the levels allow, by name. */
  readonly anomalies = new Map<string, number>()

  add({ transactions, committed, edges, anomalies }: Report): void {
    this.histories++
    this.transactions += transactions
    this.committed += committed
    for (const kind of ['ww', 'wr', 'rw', 'rt'] as const) this.edges[kind] += edges[kind]
    for (const { name } of anomalies) this.anomalies.set(name, (this.anomalies.get(name) ?? 0) + 1)
  }
}
