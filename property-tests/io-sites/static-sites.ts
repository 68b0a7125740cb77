/**
 * The places in the engine's source that call the file-system port, found by the compiler: calls of a
 * method that `File` or `FileSystem` declares, and of `readFully`, `readTwice`, `writeFully`, `writeZeros` and `closeFile`. A site is
 * named by file, function and method, not by line, so that edits elsewhere leave the names alone; `calls` says how
 * many calls share a name.
 */
import { dirname, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const METHODS = [
  'list',
  'open',
  'rename',
  'remove',
  'syncDirectory',
  'syncNames',
  'lock',
  'readAt',
  'writeAt',
  'size',
  'truncate',
  'sync',
  'syncBlocking',
  'close',
] as const
export type Method = (typeof METHODS)[number]

export interface StaticSite {
  /** `log/segments.ts append sync`. */
  readonly name: string
  readonly method: Method
  readonly calls: number
  /** Where the calls are, for messages. */
  readonly places: readonly string[]
}

export const SOURCE_ROOT = fileURLToPath(new URL('../../src/', import.meta.url))

/** What is not the engine: the ports themselves, and programs and tools that stand on it. */
const OUTSIDE = new Set(['io', 'cli', 'scenario', 'testing'])
const PORT_FILE = 'io/file-system.ts'
const HELPERS: Readonly<Record<string, Method>> = {
  readFully: 'readAt',
  readTwice: 'readAt',
  writeFully: 'writeAt',
  writeZeros: 'writeAt',
  closeFile: 'close',
}

/** The path of a file of the engine below `src`, or undefined for other files. */
export function enginePathOf(file: string): string | undefined {
  const path = relative(SOURCE_ROOT, file).split(sep).join('/')
  return path.startsWith('..') || OUTSIDE.has(path.split('/')[0] as string) ? undefined : path
}

/** All sites of the engine, sorted by name. */
export function findSites(): StaticSite[] {
  const program = ts.createProgram([`${SOURCE_ROOT}index.ts`], compilerOptions())
  const checker = program.getTypeChecker()
  const found = new Map<string, StaticSite>()
  for (const source of program.getSourceFiles()) {
    const path = enginePathOf(source.fileName)
    if (path === undefined) continue
    const visit = (node: ts.Node): void => {
      const method = ts.isCallExpression(node) ? methodOf(node, checker) : undefined
      if (method !== undefined) {
        const name = `${path} ${functionAround(node)} ${method}`
        const { line } = source.getLineAndCharacterOfPosition(node.getStart())
        const places = [...(found.get(name)?.places ?? []), `src/${path}:${line + 1}`]
        found.set(name, { name, method, calls: places.length, places })
      }
      node.forEachChild(visit)
    }
    visit(source)
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function compilerOptions(): ts.CompilerOptions {
  const file = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))
  const { config } = ts.readConfigFile(file, ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(file)).options
}

function methodOf(call: ts.CallExpression, checker: ts.TypeChecker): Method | undefined {
  const callee = ts.isPropertyAccessExpression(call.expression) ? call.expression.name : call.expression
  const symbol = checker.getSymbolAtLocation(callee)
  const original =
    symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol
  const declaration = original?.declarations?.[0]
  if (declaration === undefined || !declaration.getSourceFile().fileName.endsWith(PORT_FILE)) return undefined
  if (ts.isFunctionDeclaration(declaration)) return HELPERS[original?.name ?? '']
  const name = original?.name as Method
  return ts.isInterfaceDeclaration(declaration.parent) && METHODS.includes(name) ? name : undefined
}

/** The name that the function around a node has in a stack trace; arrow functions count as what is around them. */
function functionAround(node: ts.Node): string {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (ts.isConstructorDeclaration(at)) return at.parent.name?.text ?? 'constructor'
    if (ts.isMethodDeclaration(at) || ts.isAccessor(at) || ts.isFunctionDeclaration(at)) return at.name?.getText() ?? ''
  }
  return ''
}
