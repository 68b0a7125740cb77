/**
 * Writes an empty line every second as long as the tests give way to timers. A bug may make the engine
 * loop for ever, and then no limit of a test can strike: `main.ts` ends a run whose heart has stopped.
 */
import { writeSync } from 'node:fs'

setInterval(() => writeSync(1, '\n'), 1000).unref()
