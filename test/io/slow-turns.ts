/** A simulated runtime whose turns come only when nothing else goes on, so that what is done a part a turn is met half done. */
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'

export class SlowTurns extends SimulatedRuntime {
  override nextTurn(callback: () => void): void {
    setImmediate(callback)
  }
}
