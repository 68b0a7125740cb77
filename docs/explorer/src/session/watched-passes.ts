/** The engine's own passes of restart, which show their managers to somebody before they begin. */
import { ENGINE_PASSES, type Passes } from '../../../../src/recovery/passes.ts'
import { Rollback } from '../../../../src/recovery/undo.ts'
import type { LookedAt } from './engine-view.ts'

export function passesTelling(onAssembled: (engine: LookedAt) => void): Passes {
  class ToldRollback extends Rollback {
    constructor(...[writer, managers, table]: ConstructorParameters<typeof Rollback>) {
      super(writer, managers, table)
      onAssembled({ log: writer.log, buffer: writer.buffer, table })
    }
  }
  return { ...ENGINE_PASSES, Rollback: ToldRollback }
}
