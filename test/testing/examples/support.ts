/** What the example tests share. */
import { CrashTestFailure, type CrashTestFigures } from '../../../src/testing/index.ts'

/** The failure that a crash test finds. @throws when it finds none, or fails otherwise */
export async function failureOf(test: Promise<CrashTestFigures>): Promise<CrashTestFailure> {
  const error: unknown = await test.then(
    (figures) => new Error(`nothing was found: ${JSON.stringify(figures)}`),
    (reason: unknown) => reason,
  )
  if (error instanceof CrashTestFailure) return error
  throw error
}
