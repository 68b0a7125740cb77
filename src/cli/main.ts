#!/usr/bin/env node
/** The executable `aries`. */
import { fileURLToPath } from 'node:url'
import { run } from './program.ts'

await run(process.argv.slice(2), fileURLToPath(import.meta.url))
