/** The skeleton is the engine's source with gaps: it opens and fills, parses, and is declared for editors. */
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { RECOVERY_FILES, RECOVERY_PLANS } from '../../../src/cli/lab/recovery/plan.ts'
import { bodiesOf, filledIn, skeletonOf, solutionOf } from '../../../src/cli/lab/recovery/skeleton.ts'
import { makeFolderWith, sourceOf } from './folders.ts'

describe.each(RECOVERY_FILES)('%s', (file) => {
  const plan = RECOVERY_PLANS[file]
  const skeleton = skeletonOf(sourceOf(file), plan)

  test('filling the gaps with what was in them gives the engine back', () => {
    expect(filledIn(skeleton, bodiesOf(sourceOf(file), plan))).toBe(solutionOf(sourceOf(file), plan))
  })

  test('every gap is open, and nothing of its body is left', () => {
    const opened = [...skeleton.matchAll(/return notWritten\('(.+)'\)/g)].map((match) => match[1])
    expect(opened.sort()).toEqual(plan.gaps.map(({ name }) => name).sort())
    for (const [name, body] of bodiesOf(sourceOf(file), plan)) {
      const telling = body.split('\n').filter((line) => line.trim().length > 12)
      expect(telling.length, name).toBeGreaterThan(0)
      for (const line of telling) expect(skeleton.split('\n'), name).not.toContain(line)
    }
    for (const name of plan.omitted) expect(skeleton).not.toContain(`function ${name}`)
  })

  test('it imports the engine of the lab and nothing else', () => {
    const imports = [...skeleton.matchAll(/from '([^']+)'/g)].map((match) => match[1])
    expect(imports).toEqual(['./engine.js'])
  })
})

test('a plan that names what is not there is refused', () => {
  const plan = { gaps: [{ name: 'Redo.#gone', hint: [] }], omitted: [] }
  expect(() => skeletonOf(sourceOf('redo.ts'), plan)).toThrow('the source has no function Redo.#gone')
})

test('all files together hold for the compiler, with gaps and without', () => {
  expect(diagnosticsOf(filesMadeBy(skeletonOf))).toEqual([])
  const solution = filesMadeBy(solutionOf)
  const wrong = { ...solution, 'redo.ts': `${solution['redo.ts']}\nexport const wrong: Lsn = 'text'\n` }
  expect(diagnosticsOf(wrong)).toEqual([expect.stringContaining("'string' is not assignable to type 'Lsn'")])
})

function filesMadeBy(make: typeof skeletonOf): Record<string, string> {
  const files = RECOVERY_FILES.map((file) => [file, make(sourceOf(file), RECOVERY_PLANS[file])])
  // The declarations of the package are made from this very module.
  const engine = join(import.meta.dirname, '../../../src/cli/lab/recovery/engine.ts')
  return { ...Object.fromEntries(files), 'engine.ts': `export * from ${JSON.stringify(engine)}\n` }
}

function diagnosticsOf(files: Readonly<Record<string, string>>): string[] {
  const directory = makeFolderWith(files)
  const names = RECOVERY_FILES.map((file) => join(directory, file))
  const program = ts.createProgram(names, {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  })
  const own = ts.getPreEmitDiagnostics(program).filter(({ file }) => file?.fileName.startsWith(directory))
  return own.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
