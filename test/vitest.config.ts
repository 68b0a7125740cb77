import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // The least machine we care for has two cores; most of the time goes to a few files of properties.
    maxWorkers: 2,
    include: ['test/**/*.test.ts', 'property-tests/**/*.test.ts'],
    // Only a hung test meets this limit; no test may pass or fail by how fast it ran.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
