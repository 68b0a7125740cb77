/**
 * The declarations of what a student's files import. What the compiler makes has all of every manager; here is left
 * of the managers what the passes use, and of the rest what that needs.
 */
import ts from 'typescript'

/** What the passes call. Nothing else of these classes is declared, their constructors neither. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  BufferManager: ['bytes', 'view', 'pageSize', 'fix', 'fixIfSound', 'fixNew', 'unfix', 'markDirty', 'quarantine'],
  LogManager: ['nextLsn', 'flushedLsn', 'read', 'reserve', 'release'],
  LogReader: ['position', 'segmentBytes', 'seek', 'next'],
  PageWriter: ['log', 'buffer', 'compensate', 'append', 'finish'],
  ResourceManagers: ['of'],
}

const HEAD = `/**
 * What your files may import from './engine.js': the engine, as analysis, redo and undo see it. Made from its source.
 * Do not change it: the check does not read it.
 */
`

export function trimmedDeclarations(source: string): string {
  const file = ts.createSourceFile('engine.d.ts', source, ts.ScriptTarget.ES2022, true)
  const exported = exportedNames(file)
  const declarations = new Map<string, string>()
  for (const statement of file.statements) {
    const name = nameOf(statement)
    if (name !== undefined) declarations.set(name, (declarations.get(name) ?? '') + textOf(statement, file, name))
  }
  const needed = new Set<string>()
  const need = (name: string): void => {
    const text = declarations.get(name)
    if (text === undefined || needed.has(name)) return
    needed.add(name)
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '')
    for (const word of new Set(code.match(/\w+/g))) need(word)
  }
  for (const name of exported) need(name)
  const kept = [...declarations].filter(([name]) => needed.has(name)).map(([, text]) => text.trim())
  return `${HEAD}\n${kept.join('\n\n')}\n\nexport { ${[...exported].join(', ')} }\n`
}

function exportedNames(file: ts.SourceFile): Set<string> {
  const names = file.statements.filter(ts.isExportDeclaration).flatMap(({ exportClause }) => {
    return exportClause !== undefined && ts.isNamedExports(exportClause) ? [...exportClause.elements] : []
  })
  return new Set(names.map(({ name }) => name.text))
}

function nameOf(statement: ts.Statement): string | undefined {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations[0]?.name.getText()
  const { name } = statement as ts.DeclarationStatement
  return name?.getText()
}

function textOf(statement: ts.Statement, file: ts.SourceFile, name: string): string {
  const wanted = MEMBERS[name]
  if (wanted === undefined || !ts.isClassDeclaration(statement)) return statement.getFullText(file)
  const lacking = wanted.find((member) => !statement.members.some((each) => each.name?.getText() === member))
  if (lacking !== undefined) throw new Error(`${name} has no ${lacking}, which the lab declares`)
  const members = statement.members.filter((member) => wanted.includes(member.name?.getText() ?? ''))
  const head = file.text.slice(statement.getFullStart(), statement.members.pos)
  return `${head}${members.map((member) => member.getFullText(file)).join('')}\n}`
}
