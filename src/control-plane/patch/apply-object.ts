// SPDX-License-Identifier: Apache-2.0
// A PATCH of type application/apply-patch+yaml: reads the configuration, which is YAML or JSON, and
// applies it. Unlike the other patches it creates what is not there.
import { badRequest, invalid } from '../objects/api-status.ts'
import { required } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import {
  apiVersionOf,
  type Decoded,
  type FieldValidation,
  withMainParts,
  yamlWarnings,
} from '../schema/decode-object.ts'
import { jsonTypeName } from '../schema/go-text.ts'
import { isObject, type JsonObject } from '../schema/json-object.ts'
import { JsonSyntaxError } from '../schema/json-scanner.ts'
import { type ReadBody, readJson, readYaml } from '../schema/read-body.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { applyServerSide } from './apply-server-side.ts'

export const applyMediaType = 'application/apply-patch+yaml'

export interface ApplyRequest {
  /** Undefined when the object is to be created. */
  readonly live: KubeObject | undefined
  readonly body: string
  readonly schema: TypeSchema
  /** Group and version of the endpoint, where the type belongs to several. */
  readonly apiVersion?: string
  /** The parameter `fieldManager`; a 422 when it is missing. */
  readonly manager: string
  readonly force: boolean
  /** '' for the object itself. */
  readonly subresource: string
  readonly fieldValidation?: FieldValidation
  readonly nowMs: number
}

/** Throws `StatusError`. The object is not defaulted yet; name and namespace are for the caller to check. */
export function applyObject(request: ApplyRequest): Decoded {
  const { body: text, schema, manager, fieldValidation = 'Warn' } = request
  if (manager === '') {
    const fault = required('fieldManager', 'is required for apply patch')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [fault])
  }
  const body = readConfiguration(text)
  const apiVersion = request.apiVersion ?? apiVersionOf(schema)
  const object = applyServerSide({ ...request, applied: objectIn(body.value), apiVersion })
  const repeated = body.hasDuplicates ? readYaml(text).yamlFault : body.yamlFault
  const complete = withMainParts(object, schema)
  if (repeated === undefined || fieldValidation === 'Ignore') {
    return { object: complete, warnings: [] }
  }
  if (fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${repeated}`)
  }
  return { object: complete, warnings: yamlWarnings(repeated) }
}

function readConfiguration(text: string): ReadBody {
  try {
    // kubectl sends JSON, which is read faster so.
    return text.startsWith('{') ? readJson(text) : readYaml(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return readAsYaml(text)
  }
}

function readAsYaml(text: string): ReadBody {
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`)
  }
}

function objectIn(value: unknown): JsonObject {
  if (isObject(value)) return value
  if (value === null) return {}
  const why = `json: cannot unmarshal ${jsonTypeName(value)} into Go value of type map[string]interface {}`
  throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`)
}
