// SPDX-License-Identifier: Apache-2.0
// The object in a request's body: JSON, YAML or protobuf, of the kind that the address is for, its
// unknown fields dropped, warned of or refused as the client wishes.
import { parse as parseYaml } from 'yaml'
import {
  badRequest,
  invalid,
  pathNotFound,
  requestTooLarge,
  StatusError,
  unsupportedMediaType,
} from '../objects/api-status.ts'
import { notSupported } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { decodeProtobuf, protobufType } from '../protobuf/decode-protobuf.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { decodeObject } from '../schema/decode-object.ts'
import type { FieldValidation } from '../schema/decode-object.ts'
import { schemaOf } from '../schema/schema-of.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import type { ApiExchange } from './api-exchange.ts'
import { apiVersionOf } from '../resources/registry.ts'

const jsonType = 'application/json'
const yamlTypes: readonly string[] = ['application/yaml', 'application/x-yaml', 'text/yaml']
const acceptedTypes: readonly string[] = [jsonType, 'application/yaml', protobufType]

/** What names a kind. */
export type Kind = Pick<ResourceDefinition, 'group' | 'version' | 'kind'>

/** Reads and checks the body of a create or update. */
export async function readObject(exchange: ApiExchange, kind: Kind): Promise<KubeObject> {
  const body = await exchange.body()
  const type = mediaType(exchange.header('content-type'))
  const isYaml = yamlTypes.includes(type)
  const isProtobuf = type === protobufType
  if (!isYaml && !isProtobuf && type !== jsonType && type !== '') {
    throw unsupportedMediaType(acceptedTypes)
  }
  if (isYaml) checkYamlSize(body)
  const expected = { apiVersion: apiVersionOf(kind), kind: kind.kind }
  const text = isProtobuf ? JSON.stringify(decodeProtobuf(body, expected)) : body.toString('utf8')
  const { object, warnings } = decodeObject(text, schemaFor(kind), {
    format: isYaml ? 'yaml' : 'json',
    apiVersion: apiVersionOf(kind),
    fieldValidation: fieldValidationOf(exchange.info.query),
  })
  for (const warning of warnings) exchange.warn(warning)
  return object
}

/** The type of a served kind. */
export function schemaFor(kind: Kind): TypeSchema {
  const schema = schemaOf(apiVersionOf(kind), kind.kind)
  if (!schema) throw pathNotFound()
  return schema
}

/** The body as a value; 415 for what is in none of these notations, 400 for what cannot be read. */
export function parseBody(exchange: ApiExchange, body: Buffer): unknown {
  const type = mediaType(exchange.header('content-type'))
  if (type === protobufType) return decodeProtobuf(body)
  try {
    if (type === jsonType || type === '') return JSON.parse(body.toString('utf8'))
    if (yamlTypes.includes(type)) return parseYaml(checkYamlSize(body).toString('utf8'))
  } catch (error) {
    if (error instanceof StatusError) throw error
    throw badRequest(`the object provided is unrecognized: ${String(error)}`)
  }
  throw unsupportedMediaType(acceptedTypes)
}

/** YAML takes a hundred times as long to read as JSON, during which nobody else is answered. */
export function checkYamlSize(body: Buffer): Buffer {
  if (body.length <= maxYamlBytes) return body
  throw requestTooLarge(`YAML is too large: limit is ${maxYamlBytes}, JSON may be larger`)
}

const maxYamlBytes = 512 * 1024

/** The media type without its parameters, in lower case. */
export function mediaType(header = ''): string {
  return (header.split(';', 1)[0] ?? '').trim().toLowerCase()
}

export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun')
  if (values.some((value) => value !== 'All')) {
    const error = notSupported('dryRun', values, ['All'])
    throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [error])
  }
  return values.length > 0
}

const validations: readonly string[] = ['Ignore', 'Strict', 'Warn']

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn'
  if (validations.includes(value)) return value as FieldValidation
  const error = notSupported('fieldValidation', value, validations)
  throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [error])
}
