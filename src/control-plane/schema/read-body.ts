// SPDX-License-Identifier: Apache-2.0
// Text of a request -> value of JSON, with what is wrong with the text in the words of Go's decoders.
// The depth is bounded, so that whoever walks the value may recurse.
import { LineCounter, parseDocument, type Document, visit } from 'yaml'
import { JsonSyntaxError, mayHaveDuplicates, scanJson, TooDeepError } from './json-scanner.ts'

export interface ReadBody {
  readonly value: unknown
  /** Whether some key comes twice in one object; the last one counts. */
  readonly hasDuplicates: boolean
  /** For YAML: what is wrong with duplicate keys, in one text. */
  readonly yamlFault?: string
}

/** Throws `JsonSyntaxError`. */
export function readJson(text: string): ReadBody {
  try {
    const value: unknown = JSON.parse(text)
    return { value, hasDuplicates: mayHaveDuplicates(text, value) }
  } catch (error) {
    if (error instanceof TooDeepError) throw new JsonSyntaxError(error.message)
    scanJson(text)
    throw new JsonSyntaxError(error instanceof Error ? error.message : 'invalid JSON')
  }
}

/** Throws `JsonSyntaxError`, whose message begins with `yaml: `. An empty text is null. */
export function readYaml(text: string): ReadBody {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    // What Go's YAML reads as booleans is YAML 1.1; its timestamps and base-60 numbers are not read.
    schema: 'yaml-1.1',
    merge: true,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || isPlainTag(tag)),
  })
  const [fault] = document.errors
  if (fault) {
    const { line } = lines.linePos(fault.pos[0])
    // Go's library counts so, and says less.
    const where = line === 1 ? '' : `line ${line + 1}: `
    const isNested = fault.message.startsWith('Nested mappings')
    const what = isNested ? 'mapping values are not allowed in this context' : fault.message
    throw new JsonSyntaxError(`yaml: ${where}${what}`)
  }
  const value = toValue(document)
  const repeated = repeatedKeys(document, lines)
  if (repeated.length === 0) return { value, hasDuplicates: false }
  return {
    value,
    hasDuplicates: false,
    yamlFault: `yaml: unmarshal errors:\n${repeated.join('\n')}`,
  }
}

function isPlainTag(tag: { readonly tag: string; readonly format?: string }): boolean {
  const isOther = /:(timestamp|binary|omap|pairs|set)$/.test(tag.tag)
  return !isOther && tag.format !== 'TIME'
}

function toValue(document: Document): unknown {
  try {
    const value = document.toJS({ maxAliasCount: 100 }) as unknown
    const text = JSON.stringify(value ?? null)
    return readJson(text).value
  } catch (error) {
    throw new JsonSyntaxError(`yaml: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
}

function repeatedKeys(document: Document, lines: LineCounter): string[] {
  const found: string[] = []
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const node = key as { readonly value?: unknown; readonly range?: readonly number[] }
        const name = String(node.value)
        if (seen.has(name)) {
          const { line } = lines.linePos(node.range?.[0] ?? 0)
          found.push(`  line ${line}: key ${JSON.stringify(name)} already set in map`)
        }
        seen.add(name)
      }
    },
  })
  return found
}
