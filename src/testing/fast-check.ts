/**
 * aries-db/testing/fast-check: arbitraries and commands for fast-check. It is an entry of its own because
 * it needs the package fast-check, version 4, which nothing else of aries-db does.
 *
 * @module aries-db/testing/fast-check
 */

export {
  byteKeys,
  byteValues,
  crashes,
  faults,
  type KeyOptions,
  keys,
  ranges,
  type TransactionArbitraryOptions,
  tables,
  transactions,
  type ValueOptions,
  values,
} from './arbitraries.ts'
export {
  type CommandOptions,
  commands,
  crashCommand,
  type SandboxCommand,
  type SandboxModel,
  transactionCommand,
} from './commands.ts'
