// SPDX-License-Identifier: Apache-2.0
// The documents by what kubectl reads in them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resourceDefinitions } from '../../resources/registry.ts'
import { isObject } from '../json-object.ts'
import { schemaOf } from '../schema-of.ts'
import { createOpenApiDocuments } from './open-api-documents.ts'

const documents = createOpenApiDocuments(resourceDefinitions, 'v1.36.3')

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
  readonly definitions: Readonly<Record<string, Schema>>
}
interface Operation {
  readonly 'x-kubernetes-action': string
  readonly 'x-kubernetes-group-version-kind': object
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody: { readonly content: object }
}
interface Schema {
  readonly properties: Readonly<Record<string, object>>
  readonly 'x-kubernetes-group-version-kind': object
}

function addressOf(entry: object | undefined): string {
  const { serverRelativeURL } = entry as { readonly serverRelativeURL: string }
  return serverRelativeURL
}

function read(path: string): Document {
  const bytes = documents(path)
  assert.ok(bytes, path)
  return JSON.parse(bytes.toString()) as Document
}

test('the index leads to a document for each group and version', () => {
  const index = read('/openapi/v3').paths
  for (const { group, version } of resourceDefinitions) {
    const place = group === '' ? `api/${version}` : `apis/${group}/${version}`
    const address = addressOf(index[place])
    assert.match(address, new RegExp(`^/openapi/v3/${place}\\?hash=[0-9A-F]+$`))
    assert.ok(documents(address.replace(/\?.*/, '')))
  }
  assert.equal(documents('/openapi/v3/apis/example.com/v1'), undefined)
})

test('kubectl sees that fields are validated by the server, and which patches a kind takes', () => {
  const { paths } = read('/openapi/v3/api/v1')
  const patch = paths['/api/v1/namespaces/{namespace}/pods/{name}']?.['patch']
  assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], {
    group: '',
    version: 'v1',
    kind: 'Pod',
  })
  const names = patch.parameters.map(({ name }) => name)
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
  assert.ok(Object.hasOwn(patch.requestBody.content, 'application/strategic-merge-patch+json'))
})

test('explain finds every kind by the path of its resource', () => {
  for (const { group, version, plural, kind, isNamespaced } of resourceDefinitions) {
    const place = group === '' ? `api/${version}` : `apis/${group}/${version}`
    const { paths, components } = read(`/openapi/v3/${place}`)
    const path = `/${place}/${isNamespaced ? 'namespaces/{namespace}/' : ''}${plural}`
    const item = paths[path] ?? paths[`${path}/{name}`]
    const operation = item?.['get'] ?? item?.['post']
    const target = { group, version, kind }
    assert.deepEqual(operation?.['x-kubernetes-group-version-kind'], target, path)
    const isOfKind = (schema: Schema): boolean =>
      JSON.stringify(schema['x-kubernetes-group-version-kind'] ?? []).includes(
        JSON.stringify(target),
      )
    assert.ok(Object.values(components.schemas).some(isOfKind), `${kind} has no schema`)
  }
})

for (const path of ['/openapi/v3/api/v1', '/openapi/v3/apis/apps/v1', '/openapi/v2']) {
  test(`every reference of ${path} leads somewhere`, () => {
    const document = read(path)
    const known = path.endsWith('v2') ? document.definitions : document.components.schemas
    const missing = new Set<string>()
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) node.forEach(walk)
      if (!isObject(node)) return
      const reference = node['$ref']
      const name = typeof reference === 'string' ? (reference.split('/').at(-1) ?? '') : undefined
      if (name !== undefined && !Object.hasOwn(known, name)) missing.add(name)
      Object.values(node).forEach(walk)
    }
    walk(document)
    assert.deepEqual([...missing], [])
  })
}

test('a schema says how its lists are merged', () => {
  const { schemas } = read('/openapi/v3/api/v1').components
  assert.deepEqual(schemas['io.k8s.api.core.v1.PodSpec']?.properties['containers'], {
    type: 'array',
    items: {
      default: {},
      allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }],
    },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-patch-strategy': 'merge',
  })
  assert.deepEqual(schemas['io.k8s.api.core.v1.ContainerPort']?.properties['protocol'], {
    default: 'TCP',
    type: 'string',
    enum: ['SCTP', 'TCP', 'UDP'],
  })
})

test('the document of everything has all kinds of all groups', () => {
  const { definitions } = read('/openapi/v2')
  for (const { group, version, kind } of resourceDefinitions) {
    const name = schemaOf(group === '' ? version : `${group}/${version}`, kind)?.name ?? ''
    assert.ok(
      Object.keys(definitions).some((one) => one.endsWith(`.${name}`)),
      name,
    )
  }
})
