/** Data that can be copied without losing anything: no functions, no instances of classes. */

/** Whether `structuredClone` gives a full copy of `value`. Cycles are not plain. */
export function isPlainData(value: unknown, within: readonly unknown[] = []): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null || value instanceof Date) return true
  if (within.includes(value)) return false
  const inside = [...within, value]
  const isPlain = (part: unknown): boolean => isPlainData(part, inside)
  if (Array.isArray(value)) return value.every(isPlain)
  if (value instanceof Map) return [...value].flat(1).every(isPlain)
  if (value instanceof Set) return [...value].every(isPlain)
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain)
}
