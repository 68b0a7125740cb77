/** How a line of the shell is cut into words. */

/** What was typed behind a command. */
export interface Words {
  readonly words: readonly string[]
  /** All of it, as it was typed. */
  readonly text: string
  /** The same without its first word. */
  readonly rest: string
}

/** Quotes are those around a whole word: inside of one, and without a second one, they are characters like others. */
const WORD = /(["'])(.*?)\1(?=\s|$)|\S+/gs

/** The words of `text`, of which those with spaces are in single or double quotes. */
export function wordsOf(text: string): Words {
  const matches = [...text.matchAll(WORD)]
  const words = matches.map(([word, quote, quoted]) => (quote === undefined ? word : (quoted as string)))
  return { words, text: text.trim(), rest: text.slice(matches[1]?.index ?? text.length).trim() }
}

/** All of it as one name, which may have spaces, in quotes or not; undefined when there is nothing. */
export function nameOf({ words, text }: Words): string | undefined {
  return words.length > 1 ? text : words[0]
}
