/** The process that the restart benchmark kills. */
import { writeUntilKilled } from './workloads.ts'

await writeUntilKilled(process.argv[2] as string, Number(process.argv[3]))
