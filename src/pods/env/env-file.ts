// SPDX-License-Identifier: Apache-2.0
// Files of variables that containers write for others: `NAME='value'` a line, as strictly as a kubelet
// reads them. What lies beyond the variable that is looked for is not judged.

/** The value of `key`; empty when the file sets it to nothing or not at all. Throws on what is malformed before. */
export function readEnvFile(text: string, key: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  if (lines.at(-1) === '') lines.pop()
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]?.replace(/^[ \t]+/, '') ?? ''
    if (line === '' || line.startsWith('#')) continue
    const assignment = assignmentOf(line, index + 1)
    if (assignment.quoted === undefined) {
      if (assignment.name === key) return ''
      continue
    }
    const { value, endIndex } = quotedValue(lines, { index, first: assignment.quoted })
    if (assignment.name === key) return value
    index = endIndex
  }
  return ''
}

/** `quoted` is what follows the opening quote; undefined where a blank after `=` leaves the variable empty. */
function assignmentOf(line: string, number: number): { name: string; quoted: string | undefined } {
  const at = line.indexOf('=')
  if (at === -1) throw malformed(number, "missing '='")
  const name = line.slice(0, at)
  if (/^[ \t]*$/.test(name)) throw malformed(number, 'empty variable name')
  if (/[ \t]$/.test(name)) throw malformed(number, "whitespace before '=' is not allowed")
  const rest = line.slice(at + 1)
  if (/^[ \t]/.test(rest)) return { name, quoted: undefined }
  if (!rest.startsWith("'")) throw malformed(number, 'value must be enclosed in single quotes')
  return { name, quoted: rest.slice(1) }
}

function quotedValue(
  lines: readonly string[],
  { index, first }: { readonly index: number; readonly first: string },
): { readonly value: string; readonly endIndex: number } {
  const parts: string[] = []
  for (let at = index, rest = first; ; at++, rest = lines[at] ?? '') {
    if (at >= lines.length) {
      throw new Error(
        `invalid environment variable format starting at line ${index + 1}: unclosed single quote`,
      )
    }
    const end = rest.indexOf("'")
    parts.push(end === -1 ? rest : rest.slice(0, end))
    if (end === -1) continue
    if (!/^[ \t]*(#|$)/.test(rest.slice(end + 1))) {
      throw malformed(at + 1, 'unexpected content after closing quote')
    }
    return { value: parts.join('\n'), endIndex: at }
  }
}

function malformed(line: number, why: string): Error {
  return new Error(`invalid environment variable format at line ${line}: ${why}`)
}
