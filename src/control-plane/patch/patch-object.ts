// SPDX-License-Identifier: Apache-2.0
// A PATCH of one of the three kinds that change what is stored (server-side apply is in
// apply-object.ts): reads the body, applies it, and makes sure that what comes out conforms to its type.
// What the patch leaves alone is shared with the stored object and not looked at again.
import { badRequest, invalid, StatusError } from '../objects/api-status.ts'
import { invalidValue } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import {
  apiVersionOf,
  type Decoded,
  type FieldValidation,
  identityFault,
  strictFaults,
  strictSentence,
  withMainParts,
} from '../schema/decode-object.ts'
import { type DecodeStyle, decodeStructured } from '../schema/decode-value.ts'
import { goText, jsonTypeName } from '../schema/go-text.ts'
import { isObject, type JsonObject } from '../schema/json-object.ts'
import { JsonSyntaxError, scanJson } from '../schema/json-scanner.ts'
import { type ReadBody, readJson } from '../schema/read-body.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

/** The media types of patches that `patchObject` applies. */
export const patchMediaTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
] as const

export interface PatchRequest {
  readonly live: KubeObject
  /** One of `patchMediaTypes`; parameters such as charset are ignored. */
  readonly mediaType: string
  readonly body: string
  readonly schema: TypeSchema
  readonly fieldValidation?: FieldValidation
  /** Group and version of the endpoint, where the type belongs to several. */
  readonly apiVersion?: string
}

/**
 * The patched object, and sentences for `Warning` headers. Throws `StatusError`: 400, 413, 415, 422, or
 * 500 where the API server says so. Whether name and namespace fit the path is for the caller to check.
 */
export function patchObject(request: PatchRequest): Decoded {
  const type = request.mediaType.split(';', 1)[0]?.trim()
  switch (type) {
    case 'application/strategic-merge-patch+json':
      return strategic(request)
    case 'application/merge-patch+json': {
      const body = read(request.body, 'error decoding patch: ')
      const patched = applyMergePatch(request.live, body.value)
      return finishJson(request, patched, strictFaults(request.body, body, []))
    }
    case 'application/json-patch+json': {
      const body = read(request.body, 'error decoding patch: ')
      const patched = applyJsonPatch(request.live, body.value)
      return finishJson(request, patched, operationFaults(request.body, body))
    }
    default:
      throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  }
}

function read(text: string, prefix: string): ReadBody {
  try {
    return readJson(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw badRequest(`${prefix}${error.message}`)
  }
}

function strategic(request: PatchRequest): Decoded {
  const { live, schema, body: text } = request
  const body = read(text, '')
  const merged = applyStrategicMergePatch(live, body.value, schema)
  // The converter behind this kind of patch takes kind and version from the stored object.
  const isSameKind = merged['kind'] === live.kind && merged['apiVersion'] === live.apiVersion
  const { apiVersion, kind } = live
  const patched = isSameKind ? merged : { ...merged, apiVersion, kind }
  return finish(request, patched, {
    style: 'unstructured',
    textFaults: strictFaults(text, body, []),
    shown: () => goText(body.value),
  })
}

function finishJson(
  request: PatchRequest,
  patched: unknown,
  textFaults: readonly string[],
): Decoded {
  const shown = (): string => JSON.stringify(patched)
  if (!isObject(patched)) {
    const where = String.raw`Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`
    const what = `json: cannot unmarshal ${jsonTypeName(patched)} into ${where}`
    throw invalidPatch(shown(), `couldn't get version/kind; json parse error: ${what}`)
  }
  const expected = request.apiVersion ?? apiVersionOf(request.schema)
  const apiVersion = patched['apiVersion'] || expected
  const kind = patched['kind'] || request.schema.goName
  if (apiVersion !== expected || kind !== request.schema.goName) {
    throw invalidPatch(shown(), identityFault(goText(apiVersion), goText(kind), request.schema))
  }
  const isComplete = patched['apiVersion'] === apiVersion && patched['kind'] === kind
  const object = isComplete ? patched : { ...patched, apiVersion, kind }
  return finish(request, object, { style: 'json', textFaults, shown })
}

interface Finish {
  readonly style: DecodeStyle
  /** What is wrong with the patch itself. */
  readonly textFaults: readonly string[]
  /** The value that a refusal shows. */
  readonly shown: () => string
}

function finish(
  { live, schema, fieldValidation = 'Warn' }: PatchRequest,
  patched: JsonObject,
  { style, textFaults, shown }: Finish,
): Decoded {
  const { value, unknownFields, fault } = decodeStructured(patched, schema, { known: live, style })
  if (fault !== undefined) throw invalidPatch(shown(), fault)
  const unknown = unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`)
  if (style === 'unstructured') unknown.sort()
  const warnings = fieldValidation === 'Ignore' ? [] : [...textFaults, ...unknown]
  if (warnings.length > 0 && fieldValidation === 'Strict') {
    throw invalidPatch(shown(), strictSentence(warnings))
  }
  return { object: withMainParts(value, schema), warnings }
}

function invalidPatch(shown: string, why: string): StatusError {
  const nameless = invalid({ group: '', kind: '' }, '', [invalidValue('patch', shown, why)])
  const { message, details } = nameless.status
  return new StatusError(422, 'Invalid', message, { causes: details?.causes ?? [] })
}

const operationMembers = new Set(['op', 'path', 'from', 'value'])

/** Members of operations that are unknown or come twice. */
function operationFaults(text: string, { value, hasDuplicates }: ReadBody): readonly string[] {
  if (!Array.isArray(value)) return []
  const isStrange = (operation: unknown): boolean =>
    isObject(operation) && Object.keys(operation).some((name) => !operationMembers.has(name))
  if (!hasDuplicates && !value.some(isStrange)) return []
  const found = new Set<string>()
  scanJson(text, ({ path, isRepeated }) => {
    const member = /^\[\d+\]\.([^.[]+)$/.exec(path)?.[1]
    const isUnknown = member !== undefined && !operationMembers.has(member)
    if (isUnknown) found.add(`json patch unknown field ${JSON.stringify(path)}`)
    else if (isRepeated) found.add(`json patch duplicate field ${JSON.stringify(path)}`)
    return !isUnknown
  })
  return [...found]
}
