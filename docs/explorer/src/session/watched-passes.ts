/** The engine's own passes of restart, which show their managers to somebody before they begin. */
import type { Lsn } from '../../../../src/common/ids.ts'
import { ENGINE_PASSES, type Passes } from '../../../../src/recovery/passes.ts'
import type { TransactionEntry } from '../../../../src/recovery/transaction-table.ts'
import { Rollback } from '../../../../src/recovery/undo.ts'
import type { LookedAt } from './engine-view.ts'

/** `onRollback` is called before one transaction begins to roll back. */
export function passesTelling(onAssembled: (engine: LookedAt) => void, onRollback: () => void = () => {}): Passes {
  class ToldRollback extends Rollback {
    constructor(...[writer, managers, table]: ConstructorParameters<typeof Rollback>) {
      super(writer, managers, table)
      onAssembled({ log: writer.log, buffer: writer.buffer, table })
    }

    override begin(entry: TransactionEntry): void {
      onRollback()
      super.begin(entry)
    }

    override rollback(entry: TransactionEntry, toLsn: Lsn): void {
      onRollback()
      super.rollback(entry, toLsn)
    }
  }
  return { ...ENGINE_PASSES, Rollback: ToldRollback }
}
