/** Comparing what was expected with what happened, place by place. */

export interface Difference {
  /** Where, as in `episodes[0].redo.skipped[1].reason`. */
  readonly path: string
  readonly expected: unknown
  readonly actual: unknown
}

/** All places at which `actual` differs from `expected`, in order. Names of a table have no order. */
export function differences(path: string, expected: unknown, actual: unknown): Difference[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const length = Math.max(expected.length, actual.length)
    return Array.from({ length }, (_, i) => differences(`${path}[${i}]`, expected[i], actual[i])).flat()
  }
  if (isTable(expected) && isTable(actual)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(actual)])
    return [...names].flatMap((name) => differences(`${path}.${name}`, expected[name], actual[name]))
  }
  return Object.is(expected, actual) ? [] : [{ path, expected, actual }]
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One line: `path: expected X, got Y`. */
export function describeDifference({ path, expected, actual }: Difference): string {
  return `${path}: expected ${shown(expected)}, got ${shown(actual)}`
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
}
