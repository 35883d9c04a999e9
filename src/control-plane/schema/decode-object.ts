// SPDX-License-Identifier: Apache-2.0
// The body of a create or update -> an object that conforms to its type, or the 400 of the API server.
// Fields that the type does not have are dropped; whether that is silent, a warning or a refusal is the
// request's fieldValidation.
import { badRequest } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { decodeStructured } from './decode-value.ts'
import { jsonTypeName } from './go-text.ts'
import { fieldOf, isObject, type JsonObject } from './json-object.ts'
import { JsonSyntaxError, scanJson } from './json-scanner.ts'
import { type ReadBody, readJson, readYaml } from './read-body.ts'
import type { TypeSchema } from './schema-catalog.ts'
import { schemaOf } from './schema-of.ts'

/** What becomes of unknown and duplicate fields; the API's default is Warn. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface DecodeOptions {
  readonly fieldValidation?: FieldValidation
  /** How the text is written. */
  readonly format?: 'json' | 'yaml'
  /** Group and version of the endpoint, where the type belongs to several. */
  readonly apiVersion?: string
}

export interface Decoded {
  readonly object: KubeObject
  /** For `Warning` headers. */
  readonly warnings: readonly string[]
}

/** Throws `StatusError` 400. A body without kind or apiVersion is taken to be what is expected. */
export function decodeObject(
  text: string,
  schema: TypeSchema,
  { fieldValidation = 'Warn', format = 'json', apiVersion }: DecodeOptions = {},
): Decoded {
  const body = readBody(text, { schema, format })
  const expected = apiVersion ?? apiVersionOf(schema)
  const value = withIdentity(body.value, { text, schema, expected })
  const { version, kind } = checkIdentity(value, { schema, expected, text })
  const refuse = (why: string): Error =>
    badRequest(`${kind} in version "${version}" cannot be handled as a ${schema.goName}: ${why}`)
  const outcome = decodeStructured(value, schema)
  if (outcome.fault !== undefined) throw refuse(outcome.fault)
  const warnings =
    fieldValidation === 'Ignore' ? [] : strictFaults(text, body, outcome.unknownFields)
  if (warnings.length > 0 && fieldValidation === 'Strict') throw refuse(strictSentence(warnings))
  return {
    object: withMainParts(outcome.value, schema),
    warnings: warnings.flatMap((warning) =>
      warning.startsWith('yaml: ') ? yamlWarnings(warning) : [warning],
    ),
  }
}

/** The object with `metadata` and `spec`, empty where there is none: Go's structs are always there. */
export function withMainParts(object: JsonObject, schema: TypeSchema): KubeObject {
  let complete = object
  for (const name of ['metadata', 'spec']) {
    const isStruct = schema.fields.get(name)?.kind === 'struct'
    if (isStruct && object[name] === undefined) complete = { ...complete, [name]: {} }
  }
  return complete as KubeObject
}

/** Warnings name keys that come twice one by one. */
export function yamlWarnings(fault: string): readonly string[] {
  const [, ...lines] = fault.split('\n')
  return lines.map((line) => line.trim())
}

export function strictSentence(faults: readonly string[]): string {
  return `strict decoding error: ${faults.join(', ')}`
}

/** Unknown and duplicate fields, in the order of the text. */
export function strictFaults(
  text: string,
  { hasDuplicates, yamlFault }: ReadBody,
  unknownFields: readonly string[],
): readonly string[] {
  const sentences = unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`)
  if (yamlFault !== undefined) return [yamlFault, ...sentences]
  if (!hasDuplicates) return sentences
  const unknown = new Set(unknownFields)
  const found = new Set<string>()
  scanJson(text, ({ path, isRepeated }) => {
    if (unknown.has(path)) {
      found.add(`unknown field ${JSON.stringify(path)}`)
      return false
    }
    if (isRepeated) found.add(`duplicate field ${JSON.stringify(path)}`)
    return true
  })
  return [...found]
}

/** The group and version by which a type is known first. */
export function apiVersionOf(schema: TypeSchema): string {
  const [group = '', version = ''] = schema.kinds[0] ?? []
  return group === '' ? version : `${group}/${version}`
}

function readBody(
  text: string,
  { schema, format }: { readonly schema: TypeSchema; readonly format: 'json' | 'yaml' },
): ReadBody {
  try {
    return format === 'json' ? readJson(text) : readYaml(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    const prefix = format === 'json' ? "couldn't get version/kind; json parse error: " : ''
    throw unrecognized(`${prefix}${error.message}`, { schema, text })
  }
}

interface Source {
  readonly schema: TypeSchema
  readonly text: string
}

function unrecognized(why: string, { schema, text }: Source): Error {
  const what = `the object provided is unrecognized (must be of type ${schema.goName})`
  return badRequest(`${what}: ${why} (${summary(text)})`)
}

const summaryBytes = 30

function summary(text: string): string {
  if (text === '') return '<empty>'
  const bytes = Buffer.from(text.slice(0, summaryBytes + 1))
  const encoding = text.startsWith('{') ? 'utf8' : 'hex'
  const shown = bytes.subarray(0, summaryBytes).toString(encoding)
  return bytes.length > summaryBytes ? `${shown} ...` : shown
}

const identityStruct = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`

function withIdentity(
  value: unknown,
  { schema, text, expected }: Source & { readonly expected: string },
): JsonObject {
  const object = value ?? {}
  const fail = (what: string): Error =>
    unrecognized(`couldn't get version/kind; json parse error: ${what}`, { schema, text })
  if (!isObject(object)) {
    throw fail(
      `json: cannot unmarshal ${jsonTypeName(object)} into Go value of type ${identityStruct}`,
    )
  }
  for (const name of ['apiVersion', 'kind']) {
    const found = fieldOf(object, name) ?? ''
    if (typeof found === 'string') continue
    const where = `Go struct field .${name} of type string`
    throw fail(`json: cannot unmarshal ${jsonTypeName(found)} into ${where}`)
  }
  const apiVersion = fieldOf(object, 'apiVersion') || expected
  const kind = fieldOf(object, 'kind') || schema.goName
  const isComplete = apiVersion === object['apiVersion'] && kind === object['kind']
  return isComplete ? object : { ...object, apiVersion, kind }
}

interface Identity {
  readonly version: string
  readonly kind: string
}

function checkIdentity(
  value: JsonObject,
  { schema, text, expected }: Source & { readonly expected: string },
): Identity {
  const apiVersion = String(value['apiVersion'])
  const kind = String(value['kind'])
  const parts = apiVersion.split('/')
  if (parts.length > 2) {
    throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`, { schema, text })
  }
  const version = parts.at(-1) ?? ''
  const isExpected = kind === schema.goName && apiVersion === expected
  // Options and the like belong to every group.
  if (isExpected || (kind === schema.goName && schema.name.startsWith('meta.'))) {
    return { version, kind }
  }
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${schema.goName}: ${identityFault(apiVersion, kind, schema)}`,
  )
}

/** Why an object of another kind or version is not taken. */
export function identityFault(apiVersion: string, kind: string, schema: TypeSchema): string {
  if (!schemaOf(apiVersion, kind)) {
    const scheme = 'pkg/api/legacyscheme/scheme.go:30'
    return `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`
  }
  const [version = ''] = apiVersion.split('/').slice(-1)
  const [internal = ''] = schema.name.split('.')
  return `converting (${version}.${kind}) to (${internal}.${schema.goName}): unknown conversion`
}
