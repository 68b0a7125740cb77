/** Numbers for people. */

/** A number as people read it: 171,075. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 page`, `1,024 pages`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(value)} ${value === 1 ? noun : plural}`
}
