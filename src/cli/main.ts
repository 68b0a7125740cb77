#!/usr/bin/env node
/** The executable `aries`. */
import { fileURLToPath } from 'node:url'
import { ExitCode } from './errors.ts'
import { warn } from './output.ts'
import { run } from './program.ts'

// Whoever reads our output may have seen enough, as `head` has: then there is no more to do. Nor is there when a full
// disk takes no more of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.OK)
  warn(`the output could not be written: ${error.message}`)
  process.exit(ExitCode.FAILED)
})

await run(process.argv.slice(2), fileURLToPath(import.meta.url))
