// SPDX-License-Identifier: Apache-2.0
//
// Takes out of kubectl's output what differs between any two runs: identifiers, times, addresses, random
// parts of names. Structured output is read and written again with sorted keys, so that only content counts.
import { parseAllDocuments, stringify } from 'yaml'
import type { Outcome, ParityCase } from './parity-case.ts'

/** Which names stand for this very run. */
export interface RunNames {
  readonly namespace: string
  readonly folder: string
  readonly server: string
}

type Replacement = readonly [RegExp, string]

/** What random suffixes of names are made of: no vowels, no 0, 1 and 3. */
const SAFE = '[bcdfghjklmnpqrstvwxz2456789]'
const DURATION = String.raw`\b(?=\d)(?:\d+y)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?m?s)?(?<=\d[ydhms])\b`

const replacements: readonly Replacement[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '<time>'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
  [/-----BEGIN [\s\S]+?-----END [A-Z ]+-----/g, '<pem>'],
  [/\b[A-Za-z0-9+/]{120,}={0,2}/g, '<data>'],
  // How often something was tried until now.
  [/ \(x\d+ over \w+\)/g, ''],
  [/endpoints\.kubernetes\.io\/last-change-trigger-time: \S+/g, '<none>'],
  [/^[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.]+:\d+\]/gm, '<log>'],
  [/(resourceVersion: )"?\d+"?/g, '$1<version>'],
  [/("resourceVersion": ?)"\d+"/g, '$1"<version>"'],
  [/\b(?:sha256:|X509SHA256=)[0-9a-f]{64}\b/g, '<digest>'],
  [/\b(Resource Version: +|to be \d+, was )\d+/g, '$1<version>'],
  [/\b([a-z][\w-]*)\.1[0-9a-f]{15}\b/g, '$1.<time>'],
  [/\b(?:127|10|192|172)(?:\.\d{1,3}){3}(?:\/\d+)?\b/g, '<ip>'],
  [/(<ip>|localhost|\[::1\]):\d{4,5}\b/g, '$1:<port>'],
  [/:3[0-2]\d{3}\//g, ':<node-port>/'],
  [new RegExp(`-${SAFE}{6,10}-${SAFE}{5}\\b`, 'g'), '-<hash>-<random>'],
  [
    new RegExp(
      `((?:pod-template-hash|controller-revision-hash)[=:] ?)"?(?:[a-z]+-)?${SAFE}{6,10}"?`,
      'g',
    ),
    '$1<hash>',
  ],
  [new RegExp(`-${SAFE}{8,10}\\b`, 'g'), '-<hash>'],
  [new RegExp(`-${SAFE}{5}\\b`, 'g'), '-<random>'],
]

/** The outcome without what is this run's only. */
export function normaliseOutcome(outcome: Outcome, one: ParityCase, names: RunNames): Outcome {
  return {
    code: outcome.code,
    stdout: normaliseOutput(outcome.stdout, one, names),
    stderr: normaliseText(outcome.stderr, one, names),
  }
}

function normaliseOutput(text: string, one: ParityCase, names: RunNames): string {
  const structured = /(?:^| )(?:-o ?|--output[= ])(json|yaml)(?: |$)/.test(one.run)
  const rewritten = structured || /^\s*[[{]/.test(text) ? rewrite(text) : undefined
  return normaliseText(rewritten ?? text, one, names)
}

function normaliseText(text: string, one: ParityCase, names: RunNames): string {
  let result = text
    .replaceAll(names.server, '<server>')
    .replaceAll(names.folder, '<folder>')
    .replaceAll(names.namespace, 'NS')
  for (const [pattern, by] of one.drop ?? []) result = result.replaceAll(pattern, by)
  for (const [pattern, by] of replacements) result = result.replaceAll(pattern, by)
  const lines = withoutAges(result.split('\n').map((line) => cells(line)))
  return (one.isUnordered ? lines.sort() : lines).join('\n').trim()
}

/** The width of columns depends on what is in them. */
function cells(line: string): string {
  const indent = /^ */.exec(line)?.[0] ?? ''
  return indent + line.trim().replaceAll(/\t+| {2,}/g, ' | ')
}

/** Ages and durations in tables and in the lines of `describe` that are about them. */
function withoutAges(lines: readonly string[]): string[] {
  let isTable = false
  return lines.map((line) => {
    if (/\b(?:AGE|LAST SEEN|DURATION|FIRST SEEN|Age)\b/.test(line))
      isTable = !line.startsWith('Age:')
    else if (line === '') isTable = false
    const isAge = /^\s*(?:Age|Duration|Last Schedule Time|[\w ]*Timestamp|Started At):/.test(line)
    if (!isTable && !isAge) return line
    return line.replaceAll(new RegExp(DURATION, 'g'), '<age>').replaceAll('<invalid>', '<age>')
  })
}

/** YAML of what was JSON or YAML, or undefined where it is neither. */
function rewrite(text: string): string | undefined {
  const documents = parseAllDocuments(text)
  if (documents.some((document) => document.errors.length > 0)) return undefined
  const values = documents.map((document) => document.toJS() as unknown)
  if (values.some((value) => typeof value !== 'object' || value === null)) return undefined
  const options = { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false } as const
  return values.map((value) => stringify(volatileOut(value, ''), options)).join('---\n')
}

/** Replaces what the key alone tells to be of this run. */
function volatileOut(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => volatileOut(item, key))
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([name]) => name !== TRIGGER_TIME)
    // A map that held nothing else would not be there.
    if (fields.length === 0 && TRIGGER_TIME in value) return undefined
    return Object.fromEntries(fields.map(([name, item]) => [name, volatileOut(item, name)]))
  }
  if (typeof value === 'string' && /^\s*\{/.test(value)) return rewrite(value)?.trim() ?? value
  return isVolatile(key, value) ? `<${key}>` : value
}

/** The endpoint controllers set it where they know the time, which depends on what they saw. */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'

const volatileKeys = new Set(['resourceVersion', 'uid', 'containerID', 'nodePort', 'bootID'])

function isVolatile(key: string, value: unknown): boolean {
  return value !== '' && value !== 0 && value !== null && volatileKeys.has(key)
}
