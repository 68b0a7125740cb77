/** What of JavaScript's text can be stored: UTF-8 makes one and the same character of all lone surrogates. */

/** Whether the text has no lone surrogates. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text)
}
