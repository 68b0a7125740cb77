/** The labs of the course, in the order in which it has them. */
import { designLab } from './design/lab.ts'
import type { Lab } from './lab.ts'
import { logReadingLab } from './log-reading/lab.ts'
import { plantedBugLab } from './planted-bug/lab.ts'
import { recoveryLab } from './recovery/lab.ts'

export const LABS: readonly Lab[] = [recoveryLab, logReadingLab, plantedBugLab, designLab]
