// SPDX-License-Identifier: Apache-2.0
// Text that a shell reads as one word, for lines that people copy.

/** The text itself where a shell leaves it alone, else quoted. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
