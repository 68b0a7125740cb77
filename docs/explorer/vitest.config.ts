import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The tests of the built page in a browser; what needs no browser is tested with the rest of the project. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: 2,
    // Only a hung test meets this limit; no test may pass or fail by how fast it ran.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
