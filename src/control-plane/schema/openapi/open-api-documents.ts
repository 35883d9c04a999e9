// SPDX-License-Identifier: Apache-2.0
// The documents under /openapi: an index and one document a group and version in dialect 3, and one
// document of everything in dialect 2. Each is written when it is first asked for, and then kept. kubectl
// needs them for explain, for the patches of apply, and to see that the server validates fields itself.
import { createHash } from 'node:crypto'
import type { ResourceDefinition } from '../../resources/resource-definition.ts'
import { schemaOf, typeNamed } from '../schema-of.ts'
import { schemaSource } from '../schemas.gen.ts'
import { encodeOpenApiV2, openApiProtobufType } from './protobuf-document.ts'
import {
  type KindReference,
  type PathOperation,
  pathsOf,
  type ResourcePath,
} from './resource-paths.ts'
import {
  type Dialect,
  fullName,
  type OpenApiNode,
  referenceTo,
  schemaOfList,
  schemaOfScalarType,
  schemaOfType,
} from './type-schema.ts'

const answerTypes = ['application/json', 'application/yaml']
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]

/**
 * Document at a path such as `/openapi/v3/apis/apps/v1`, as JSON; undefined where there is none. When
 * `accept` names `openApiProtobufType`, `/openapi/v2` is that.
 */
export type OpenApiDocuments = (path: string, accept?: string) => Buffer | undefined

/** `version` is that of the server, such as `v1.36.3`. */
export function createOpenApiDocuments(
  definitions: readonly ResourceDefinition[],
  version: string,
): OpenApiDocuments {
  const written = new Map<string, Buffer>()
  return (path, accept = '') => {
    const isProtobuf = path === '/openapi/v2' && accept.includes(openApiProtobufType)
    const key = isProtobuf ? openApiProtobufType : path
    const found = written.get(key)
    if (found) return found
    const document = documentAt(path, { definitions, version })
    if (!document) return undefined
    const bytes = isProtobuf ? encodeOpenApiV2(document) : Buffer.from(JSON.stringify(document))
    written.set(key, bytes)
    return bytes
  }
}

interface Server {
  readonly definitions: readonly ResourceDefinition[]
  readonly version: string
}

function documentAt(path: string, server: Server): OpenApiNode | undefined {
  if (path === '/openapi/v2') return documentV2(server)
  if (path === '/openapi/v3') return indexV3(server)
  const place = path.replace('/openapi/v3/', '')
  const served = server.definitions.filter((one) => groupPath(one) === place)
  return served.length > 0 ? documentV3(served) : undefined
}

function groupPath({ group, version }: ResourceDefinition): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** Clients keep documents by the hash in their address, which therefore names all that is in them. */
function indexV3({ definitions, version }: Server): OpenApiNode {
  const facts = definitions.map(({ group, plural, subresources, verbs }) => [
    group,
    plural,
    verbs,
    subresources.map(({ name }) => name),
  ])
  const hash = createHash('sha512')
    .update(schemaSource + version + JSON.stringify(facts))
    .digest('hex')
    .toUpperCase()
  const places = [...new Set(definitions.map(groupPath))].sort()
  const paths = places.map((place) => [
    place,
    { serverRelativeURL: `/openapi/v3/${place}?hash=${hash}` },
  ])
  return { paths: Object.fromEntries(paths) }
}

function documentV3(definitions: readonly ResourceDefinition[]): OpenApiNode {
  const { dialect, schemas } = collector(3)
  const paths = definitions.flatMap(pathsOf).map(({ path, variables, operations }) => [
    path,
    {
      ...Object.fromEntries(operations.map((one) => [one.method, operationV3(one, dialect)])),
      parameters: variables.map((name) => ({
        in: 'path',
        name,
        required: true,
        schema: { type: 'string', uniqueItems: true },
      })),
    },
  ])
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.fromEntries(paths),
    components: { schemas: schemas(definitions) },
  }
}

function documentV2({ definitions, version }: Server): OpenApiNode {
  const { dialect, schemas } = collector(2)
  const paths = definitions.flatMap(pathsOf).map((one: ResourcePath) => [
    one.path,
    {
      ...Object.fromEntries(one.operations.map((op) => [op.method, operationV2(op, dialect)])),
      parameters: one.variables.map((name) => ({
        in: 'path',
        name,
        required: true,
        type: 'string',
        uniqueItems: true,
      })),
    },
  ])
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths: Object.fromEntries(paths),
    definitions: schemas(definitions),
  }
}

/** Collects the types that a document refers to, and writes the schemas of them all. */
function collector(version: 2 | 3): {
  readonly dialect: Dialect
  readonly schemas: (definitions: readonly ResourceDefinition[]) => OpenApiNode
} {
  const names = new Set<string>()
  const dialect: Dialect = { version, onReference: (name) => names.add(name) }
  const schemas = (definitions: readonly ResourceDefinition[]): OpenApiNode => {
    for (const one of definitions) names.add(typeNameOf(one) ?? 'meta.v1.Status')
    const nodes: [string, OpenApiNode][] = []
    // The set grows while it is walked, and the walk goes on until it does not.
    for (const name of names) {
      const node = schemaNamed(name, dialect)
      if (node) nodes.push([fullName(name), node])
    }
    return Object.fromEntries(nodes.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return { dialect, schemas }
}

function schemaNamed(name: string, dialect: Dialect): OpenApiNode | undefined {
  const scalar = schemaOfScalarType(name, dialect)
  if (scalar) return scalar
  const type = typeNamed(name)
  if (type) return schemaOfType(type, dialect)
  const element = typeNamed(name.replace(/List$/, ''))
  return element && schemaOfList(element, dialect)
}

function typeNameOf({ group, version, kind }: KindReference): string | undefined {
  return schemaOf(group === '' ? version : `${group}/${version}`, kind)?.name
}

function operationV3(operation: PathOperation, dialect: Dialect): OpenApiNode {
  const { query, body, action } = operation
  const answer = answerNode(operation, dialect)
  const types = action === 'connect' ? ['*/*'] : answerTypes
  const content = Object.fromEntries(types.map((type) => [type, { schema: answer }]))
  const bodyTypes = body === 'Patch' ? patchTypes : ['*/*']
  const schema = body === undefined ? undefined : bodyNode(operation, dialect)
  return {
    ...commonParts(operation),
    ...(query.length > 0 && {
      parameters: query.map(([name, type]) => ({
        in: 'query',
        name,
        schema: { type, uniqueItems: true },
      })),
    }),
    ...(schema && {
      requestBody: {
        content: Object.fromEntries(bodyTypes.map((type) => [type, { schema }])),
        ...(body !== 'DeleteOptions' && { required: true }),
      },
    }),
    responses: {
      '200': { description: 'OK', content },
      '401': { description: 'Unauthorized' },
    },
  }
}

function operationV2(operation: PathOperation, dialect: Dialect): OpenApiNode {
  const { query, body } = operation
  const inBody = body === undefined ? undefined : bodyNode(operation, dialect)
  return {
    ...commonParts(operation),
    consumes: body === 'Patch' ? patchTypes : ['*/*'],
    produces: answerTypes,
    schemes: ['https'],
    parameters: [
      ...(inBody
        ? [
            {
              in: 'body',
              name: 'body',
              ...(body !== 'DeleteOptions' && { required: true }),
              schema: inBody,
            },
          ]
        : []),
      ...query.map(([name, type]) => ({ in: 'query', name, type, uniqueItems: true })),
    ],
    responses: {
      '200': { description: 'OK', schema: answerNode(operation, dialect) },
      '401': { description: 'Unauthorized' },
    },
  }
}

function commonParts({ operationId, tag, action, target }: PathOperation): OpenApiNode {
  return {
    tags: [tag],
    operationId,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': target,
  }
}

function bodyNode({ body, target }: PathOperation, dialect: Dialect): OpenApiNode {
  if (body === 'Patch' || body === 'DeleteOptions') return referenceTo(`meta.v1.${body}`, dialect)
  return referenceTo(typeNameOf(target) ?? 'meta.v1.Status', dialect)
}

function answerNode({ action, answersList, target }: PathOperation, dialect: Dialect): OpenApiNode {
  if (action === 'connect') return { type: 'string' }
  if (action === 'delete' || action === 'deletecollection') {
    return referenceTo('meta.v1.Status', dialect)
  }
  const name = typeNameOf(target)
  if (name === undefined) return { type: 'string' }
  return referenceTo(answersList ? `${name}List` : name, dialect)
}
