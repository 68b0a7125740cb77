/** Numbers for people. */

/** A number as people read it: 171,075. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 page`, `1,024 pages`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(value)} ${value === 1 ? noun : plural}`
}

/** Numbers that rise, as runs without gaps: 0 to 9, 12 to 12. */
export function runsOf(numbers: readonly number[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    if (last?.to === number - 1) last.to = number
    else runs.push({ from: number, to: number })
  }
  return runs
}
