/**
 * fast-check commands that work on a sandbox and on a model side by side: transactions, crashes,
 * checkpoints, closing and opening. Each ends by comparing what is in the database with the model. A
 * caller's own commands for the same model and sandbox mix with these.
 *
 *   fc.asyncProperty(fc.commands(commands()), async (script) => {
 *     const real = await Sandbox.create()
 *     await fc.asyncModelRun(() => ({ model: { contents: new Map() }, real }), script)
 *   })
 */
import * as fc from 'fast-check'
import type { CrashChoice } from '../io/simulated-file-system.ts'
import { crashes, transactions } from './arbitraries.ts'
import { show } from './handles.ts'
import type { Sandbox } from './sandbox.ts'
import { applyScript, type Contents, differenceOf, readContents, runScript, type TransactionScript } from './scripts.ts'

/** What the database should hold. */
export interface SandboxModel {
  contents: Contents
}

export type SandboxCommand = fc.AsyncCommand<SandboxModel, Sandbox>

export interface CommandOptions {
  /** Transactions to run. They must commit at `full`: the model loses nothing in a crash. */
  readonly transactions?: fc.Arbitrary<TransactionScript>
  readonly crashes?: fc.Arbitrary<CrashChoice>
}

/** For `fc.commands`: what generates each kind of command. */
export function commands(options: CommandOptions = {}): fc.Arbitrary<SandboxCommand>[] {
  const { transactions: script = transactions(), crashes: crash = crashes() } = options
  return [
    script.map(transactionCommand),
    crash.map(crashCommand),
    fc.constant(command('checkpoint', async (_model, { db }) => db.checkpoint())),
    fc.constant(command('close and open', async (_model, sandbox) => sandbox.reopen())),
  ]
}

/** Runs a transaction on both. */
export function transactionCommand(script: TransactionScript): SandboxCommand {
  const words = script.steps.map((step) => Object.values(step).map(show).join(' '))
  return command(`transaction(${[...words, script.end].join('; ')})`, async (model, { db }) => {
    await runScript(db, script)
    model.contents = applyScript(model.contents, script)
  })
}

/** Crashes and opens again; nothing that was committed is lost. */
export function crashCommand(choice: CrashChoice): SandboxCommand {
  return command(`crash(${show(choice)})`, async (_model, sandbox) => sandbox.crash(choice))
}

/** A command that does something and then compares. `name` is what it is called in a counterexample. */
function command(name: string, run: (model: SandboxModel, sandbox: Sandbox) => Promise<void>): SandboxCommand {
  return {
    check: () => true,
    run: async (model, sandbox) => {
      await run(model, sandbox)
      const difference = differenceOf(await readContents(sandbox.db), model.contents)
      if (difference !== undefined) throw new Error(`after ${name}: ${difference}`)
    },
    toString: () => name,
  }
}
