// SPDX-License-Identifier: Apache-2.0
// Reads the YAML configuration file and judges it, naming file and line for each mistake, with a hint
// where a key is nearly right.
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { nearest } from '../util/nearest-word.ts'
import { UserError, messageOf } from '../util/vk-error.ts'
import { fileSchema, nodeKeys, nodeSchema, processKeys } from './settings.ts'

/** A configuration file as read: top-level settings, and one object of settings a node. */
export interface ConfigFile {
  readonly path: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly nodes: readonly Readonly<Record<string, unknown>>[]
}

/** Reads and checks a file; throws one UserError that lists every mistake, a line each. */
export function readConfigFile(path: string): ConfigFile {
  const { document, lines } = parseYamlFile(path)
  const content: unknown = document.toJS() ?? {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new UserError(
      `Cannot use "${path}", line 1: it must hold settings, as in "logLevel: info"`,
    )
  }
  const known = ['nodes', ...nodeKeys, ...processKeys]
  const result = v.safeParse(fileSchema, content)
  const mistakes = result.success
    ? []
    : result.issues.map((issue) => describe(issue, { path, document, lines, known }))
  const rawNodes = nodesOf(content)
  for (const [index, node] of rawNodes.entries()) {
    const checked = v.safeParse(nodeSchema, node)
    for (const issue of checked.success ? [] : checked.issues) {
      mistakes.push(describe(issue, { path, document, lines, known, prefix: ['nodes', index] }))
    }
  }
  if (mistakes.length > 0) throw new UserError([...new Set(mistakes)].join('\n'))
  const { nodes: _, apiVersion: __, kind: ___, ...settings } = content as Record<string, unknown>
  return { path, settings, nodes: rawNodes }
}

/** Reads any YAML or JSON file to plain values; for providers' own configuration and manifests. */
export function readYamlFile(path: string): unknown {
  return parseYamlFile(path).document.toJS()
}

function nodesOf(content: unknown): readonly Readonly<Record<string, unknown>>[] {
  const nodes = (content as { nodes?: unknown }).nodes
  if (!Array.isArray(nodes)) return []
  return nodes.filter(
    (node): node is Record<string, unknown> => typeof node === 'object' && node !== null,
  )
}

function parseYamlFile(path: string): { document: Document; lines: LineCounter } {
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError(`Cannot read "${path}": ${whyUnreadable(error)}`, { cause: error })
  }
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error) {
    const { line } = lines.linePos(error.pos[0])
    throw new UserError(`Cannot use "${path}", line ${line}: ${whyNoYaml(error.message)}`)
  }
  return { document, lines }
}

interface Context {
  readonly path: string
  readonly document: Document
  readonly lines: LineCounter
  readonly known: readonly string[]
  readonly prefix?: readonly (string | number)[]
}

function describe(issue: v.BaseIssue<unknown>, context: Context): string {
  const keys = [
    ...(context.prefix ?? []),
    ...(issue.path ?? []).map((item) => item.key as string | number),
  ]
  const line = lineOf(keys, context)
  const last = String(keys.at(-1))
  const isUnknownKey = issue.type === 'strict_object' && issue.expected === 'never'
  const isMissing = issue.received === 'undefined' && !isUnknownKey
  const why = isUnknownKey
    ? `there is no setting "${last}"${suggestion(last, context.known)}`
    : isMissing
      ? `"${last}" is missing`
      : `"${last}" ${whyOf(issue)} (${issue.received})`
  return `Cannot use "${context.path}", line ${line}: ${keys.length > 1 ? `${keys.slice(0, -1).join('.')}: ` : ''}${why}`
}

function whyOf(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith('Invalid')) return issue.message
  return issue.expected === null
    ? 'is not valid'
    : `must be ${issue.expected.replaceAll(/[()]/g, '').replaceAll(' | ', ' or ')}`
}

function lineOf(keys: readonly (string | number)[], { document, lines }: Context): number {
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true)
    const key = keys[depth - 1]
    const pair = isMap(parent)
      ? parent.items.find((item) => isScalar(item.key) && item.key.value === key)
      : undefined
    const node = pair ? pair.key : document.getIn(keys.slice(0, depth), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return 1
}

function suggestion(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  return near === undefined ? '' : `; did you mean "${near}"?`
}

/** The words of the YAML parser without what it quotes, which may be a whole page, no text at all, or a secret. */
export function whyNoYaml(message: string): string {
  const [words = ''] = message.split(/: |\n/, 1)
  return words
}

/** Why a file that a person named cannot be read. */
export function whyUnreadable(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'it is a directory'
    case 'EACCES':
      return 'this user may not read it'
    default:
      return messageOf(error)
  }
}
