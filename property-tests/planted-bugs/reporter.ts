/**
 * Says what `main.ts` wants to know of a run: which test has begun, on lines that start with `>`, and in
 * the end on one line of JSON the first test that failed, or none.
 */
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Stands for a test when a file could not even be loaded: a patch that does not fit, or does not compile. */
export const NOT_LOADED = 'loading the file'

/** The outcome of one run of the property tests. */
export interface RunReport {
  readonly failed: { readonly file: string; readonly test: string; readonly message: string } | undefined
  readonly passed: number
  readonly cpuSeconds: number
}

export class PlantedReporter implements Reporter {
  #failed: RunReport['failed']
  #passed = 0

  onTestCaseReady(testCase: TestCase): void {
    process.stdout.write(`> ${fileOf(testCase.module)} ${testCase.name}\n`)
  }

  onTestCaseResult(testCase: TestCase): void {
    const { state, errors } = testCase.result()
    if (state === 'passed') this.#passed++
    if (state === 'failed') this.#note(testCase.module, testCase.name, errors?.[0]?.message ?? '')
  }

  onTestModuleEnd(module: TestModule): void {
    const error = module.errors()[0]
    if (error !== undefined) this.#note(module, NOT_LOADED, error.message)
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    const error = unhandled[0]
    if (error !== undefined)
      this.#failed ??= { file: '', test: 'an error outside of all tests', message: error.message }
    const { user, system } = process.cpuUsage()
    const report: RunReport = { failed: this.#failed, passed: this.#passed, cpuSeconds: (user + system) / 1e6 }
    process.stdout.write(`${JSON.stringify(report)}\n`)
  }

  #note(module: TestModule, test: string, message: string): void {
    this.#failed ??= { file: fileOf(module), test, message }
  }
}

const fileOf = (module: TestModule): string => module.relativeModuleId.split('/').at(-1) as string
