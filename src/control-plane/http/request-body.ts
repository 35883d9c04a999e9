// SPDX-License-Identifier: Apache-2.0
// The object in a request's body: JSON or YAML, of the kind that the address is for, its unknown fields
// dropped, warned of or refused as the client wishes.
import { parse as parseYaml } from 'yaml'
import { badRequest, unsupportedMediaType } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { ApiExchange } from './api-exchange.ts'
import { apiVersionOf } from './encode.ts'

const jsonType = 'application/json'
const yamlTypes: readonly string[] = ['application/yaml', 'application/x-yaml', 'text/yaml']

/** Reads and checks the body of a create or update. */
export async function readObject(
  exchange: ApiExchange,
  resource: Pick<ResourceDefinition, 'group' | 'version' | 'kind'>,
): Promise<KubeObject> {
  const parsed = parseBody(exchange, await exchange.body())
  return ofKind(parsed, resource)
}

/** The body as a value; 415 for what is neither JSON nor YAML, 400 for what cannot be read. */
export function parseBody(exchange: ApiExchange, body: Buffer): unknown {
  const type = mediaType(exchange.header('content-type'))
  try {
    if (type === jsonType || type === '') return JSON.parse(body.toString('utf8'))
    if (yamlTypes.includes(type)) return parseYaml(body.toString('utf8'))
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${String(error)}`)
  }
  throw unsupportedMediaType([jsonType, 'application/yaml'])
}

/** The media type without its parameters, in lower case. */
export function mediaType(header = ''): string {
  return (header.split(';', 1)[0] ?? '').trim().toLowerCase()
}

export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun')
  if (values.some((value) => value !== 'All')) {
    throw badRequest(`Invalid value: "${values.join(',')}": supported values: "All"`)
  }
  return values.length > 0
}

function ofKind(
  parsed: unknown,
  { kind, ...resource }: Pick<ResourceDefinition, 'group' | 'version' | 'kind'>,
): KubeObject {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw badRequest("couldn't get version/kind; json parse error: the body is no object")
  }
  const given = parsed as Partial<KubeObject>
  const apiVersion = apiVersionOf(resource as ResourceDefinition)
  const isKnown =
    (given.kind === undefined || given.kind === kind) &&
    (given.apiVersion === undefined || given.apiVersion === apiVersion)
  if (!isKnown) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): apiVersion ${given.apiVersion}, kind ${given.kind}`,
    )
  }
  return { ...given, apiVersion, kind, metadata: given.metadata ?? {} }
}
