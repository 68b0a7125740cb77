/**
 * The build of the explorer: static files with relative addresses, so that they work under any path and
 * inside a frame, and a budget for the script that the build keeps.
 */
import { gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const SCRIPT_BYTES_MAX = 250_000

/** Fails the build when all script together, compressed as a server would send it, is too large. */
function scriptBudget(): Plugin {
  return {
    name: 'script-budget',
    apply: 'build',
    writeBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const bytes = chunks.reduce((sum, chunk) => sum + gzipSync(chunk.code).length, 0)
      const told = `script: ${Math.round(bytes / 1000)} of at most ${SCRIPT_BYTES_MAX / 1000} kB, compressed`
      if (bytes > SCRIPT_BYTES_MAX) this.error(told)
      this.info(told)
    },
  }
}

export default defineConfig({
  base: './',
  build: { target: 'es2022', chunkSizeWarningLimit: 1000 },
  plugins: [scriptBudget()],
})
