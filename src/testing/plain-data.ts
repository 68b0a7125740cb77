/** Data that can be copied without losing anything: no functions, no instances of classes. */

/** Whether `structuredClone` gives a full copy of `value`. Cycles are not plain. */
export function isPlainData(value: unknown, within: readonly unknown[] = []): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  if (within.includes(value)) return false
  const inside = [...within, value]
  const isPlain = (part: unknown): boolean => isPlainData(part, inside)
  // By the prototype, because a copy of an instance of a class that extends one of these is of the base class.
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype:
      return true
    case Map.prototype:
      return [...(value as Map<unknown, unknown>)].flat(1).every(isPlain)
    case Set.prototype:
      return [...(value as Set<unknown>)].every(isPlain)
    case Array.prototype:
    case Object.prototype:
    case null:
      return hasOnlyValues(value) && Object.values(value).every(isPlain)
    default:
      return false
  }
}

/** Whether a copy has all properties, too: not a getter, a hidden one or one of a symbol. */
function hasOnlyValues(value: object): boolean {
  return Reflect.ownKeys(value).every((name) => {
    const property = Object.getOwnPropertyDescriptor(value, name) as PropertyDescriptor
    const isLength = name === 'length' && Array.isArray(value)
    return typeof name === 'string' && 'value' in property && (property.enumerable === true || isLength)
  })
}

/** A copy of plain data, and anything else as it is. */
export function copyOf<T>(value: T): T {
  return isPlainData(value) ? structuredClone(value) : value
}
