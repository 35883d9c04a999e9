// SPDX-License-Identifier: Apache-2.0
// `$(NAME)` references in env values, command, args and subPathExpr, by the rules of the kubelet: an
// unknown name stays as written, `$$` is a dollar, and what came out is never expanded again.

/** Replaces each `$(NAME)` for which `lookup` has a value. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let cursor = text.indexOf('$')
  if (cursor === -1) return text
  // Looking for `)` beyond the last one again and again would make a long text quadratic.
  const lastClosing = text.lastIndexOf(')')
  let expanded = ''
  let copiedTo = 0
  for (; cursor !== -1; cursor = text.indexOf('$', copiedTo)) {
    expanded += text.slice(copiedTo, cursor)
    const next = text[cursor + 1]
    if (next === '$') {
      expanded += '$'
      copiedTo = cursor + 2
    } else if (next === '(' && cursor < lastClosing) {
      const closing = text.indexOf(')', cursor)
      const reference = text.slice(cursor, closing + 1)
      expanded += lookup(reference.slice(2, -1)) ?? reference
      copiedTo = closing + 1
    } else {
      expanded += '$'
      copiedTo = cursor + 1
    }
  }
  return expanded + text.slice(copiedTo)
}
