import type { Lsn } from '../session/types.ts'

/** An LSN, or a dash for none; 0 is one like any other. */
export const lsnText = (lsn: Lsn | undefined): string => (lsn === undefined ? '–' : String(lsn))
