// SPDX-License-Identifier: Apache-2.0
// Sentences for the client as values of `Warning` headers. Some repeat what the client has sent, so that
// nothing in them may break the header, and however many there are, clients can still read the answer.

const maxCharacters = 4096
const maxCharactersWhenMany = 256

/**
 * UTF-8, as node:http wants it: one character a byte. Too much text is cut sentence by sentence, and what
 * holds control characters is left out, as a real API server does.
 */
export function warningHeaders(sentences: Iterable<string>): readonly string[] {
  const sayable = [...sentences].filter((text) => text !== '' && !/\p{Cc}/u.test(text))
  return (isTooMuch(sayable) ? cut(sayable) : sayable).map(header)
}

function isTooMuch(sentences: readonly string[]): boolean {
  let left = maxCharacters
  return sentences.some((text) => (left -= characters(text).length) < 0)
}

function cut(sentences: readonly string[]): readonly string[] {
  const kept: string[] = []
  let written = 0
  for (const text of sentences) {
    if (written >= maxCharacters) break
    const part = characters(text).slice(0, maxCharactersWhenMany)
    kept.push(part.join(''))
    written += part.length
  }
  return kept
}

/** A character is never cut in two. */
function characters(text: string): readonly string[] {
  return Array.from(text)
}

function header(text: string): string {
  const quoted = `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
  return `299 - ${Buffer.from(quoted).toString('latin1')}`
}
