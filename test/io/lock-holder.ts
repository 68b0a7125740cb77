/** The other process of process-lock.test.ts: locks a directory, says how that went, stays or ends. */
import { lockDirectory } from '../../src/io/process-lock.ts'

const [directory, platform, behaviour] = process.argv.slice(2) as [string, NodeJS.Platform, string]
try {
  await lockDirectory(directory, platform)
  if (behaviour === 'stay') setInterval(() => {}, 1_000_000)
  console.log('locked')
} catch (error) {
  const { code, details } = error as { code: string; details: { pid?: number } }
  console.log(code, details.pid)
}
