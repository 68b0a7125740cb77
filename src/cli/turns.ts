/** Lets others have a turn in the middle of long work: signals, and errors of the output. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
