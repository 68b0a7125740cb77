#!/usr/bin/env node
/** The executable `aries`. */
import { fileURLToPath } from 'node:url'
import { run } from './program.ts'

// Whoever reads our output may have seen enough, as `head` has: then there is no more to do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

await run(process.argv.slice(2), fileURLToPath(import.meta.url))
