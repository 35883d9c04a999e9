// SPDX-License-Identifier: Apache-2.0
// Writes whose bodies are wrong: in their types, in their notation, in what a patch says.
import * as fc from 'fast-check'
import { apiVersionOf, resourceDefinitions } from '../../../src/control-plane/resources/registry.ts'
import type { ResourceDefinition } from '../../../src/control-plane/resources/resource-definition.ts'
import { schemaOf } from '../../../src/control-plane/schema/schema-of.ts'
import { arbitraryStruct } from '../arbitrary-object.ts'
import type { Chance } from './chance.ts'
import { existingObjects } from './existing-objects.ts'
import { mutated, oddValues } from './odd-values.ts'
import { collectionOf } from './wish.ts'
import type { Wish } from './wish.ts'

const writable = resourceDefinitions.filter(({ verbs }) => verbs.includes('create'))
const samples = new Map<ResourceDefinition, readonly unknown[]>()

/** Objects of a kind that conform to its type. */
function sampleOf(chance: Chance, resource: ResourceDefinition): unknown {
  let found = samples.get(resource)
  if (!found) {
    const schema = schemaOf(apiVersionOf(resource), resource.kind)
    const arbitrary = schema ? arbitraryStruct(schema) : fc.constant({})
    found = fc.sample(arbitrary, { numRuns: 12, seed: chance.seed })
    samples.set(resource, found)
  }
  const object = chance.pick(found) as Record<string, unknown>
  const metadata = { name: chance.pick(['one', 'two', 'a.b', 'A']), labels: { a: 'b' } }
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
}

export function mistypedObject(chance: Chance): Wish {
  const resource = chance.pick(writable)
  const body = JSON.stringify(mutated(chance, sampleOf(chance, resource), chance.below(4)))
  const validation = chance.pick([
    '',
    '?fieldValidation=Strict',
    '?fieldValidation=Ignore',
    '?dryRun=All',
  ])
  if (chance.below(3) > 0) {
    return { method: 'POST', path: collectionOf(resource) + validation, body }
  }
  const [path, object] = chance.pick(existingObjects)
  const name = (object['metadata'] as { name: string }).name
  const status = chance.below(3) === 0 ? '/status' : ''
  return {
    method: 'PUT',
    path: `${path}/${name}${status}${validation}`,
    body: JSON.stringify(mutated(chance, object)),
  }
}

const deep = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth)

export function badBody(chance: Chance): Wish {
  const resource = chance.pick(writable)
  const good = JSON.stringify(sampleOf(chance, resource))
  const text = chance.pick<() => string | Buffer>([
    () => good.slice(0, chance.below(good.length)),
    () =>
      good.slice(0, chance.below(good.length)) +
      chance.pick(['}', ']', '"', '\u0000', ',', '{']) +
      good.slice(chance.below(good.length)),
    () => deep('[', ']', 100 + chance.below(20_000)),
    () => deep('{"a":', '}', 100 + chance.below(20_000)),
    () => `{"metadata":{"labels":${deep('{"a":', '}', 12_000)}}}`,
    () => good.replace('{', '{"kind":"X","kind":"Y",'),
    () => good.replace('{', `{"apiVersion":"${chance.pick(['v2', 'a/b/c', '', 'apps/v1'])}",`),
    () => Buffer.from(Array.from({ length: chance.below(200) }, () => chance.below(256))),
    () =>
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')]),
    () => '',
    () => chance.pick(['null', '0', '[]', '"a"', 'true', '{}', ' ', '\ufeff{}', 'NaN']),
    () =>
      `{"metadata":{"name":"big"},"data":{"a":"${'x'.repeat(chance.below(20) === 0 ? 4 * 2 ** 20 : 10_000)}"}}`,
    () => `{"metadata":{"name":"n","annotations":{"a":"${'x'.repeat(300_000)}"}}}`,
    () => `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n`,
  ])()
  const type = chance.pick([
    'application/json',
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'text/plain',
    '',
    'application/json; charset=utf-16',
    ';;;',
    'application/json;'.repeat(50),
  ])
  const isProtobuf = type.includes('protobuf')
  const body = isProtobuf ? Buffer.concat([Buffer.from('k8s\0'), garbage(chance)]) : text
  return {
    // Later requests need what is there.
    ...chance.pick([
      { method: 'POST', path: collectionOf(resource) },
      { method: 'PUT', path: `${collectionOf(resource)}/one` },
      {
        method: 'DELETE',
        path: `${collectionOf(resource)}${chance.pick(['', '/one'])}?dryRun=All`,
      },
    ]),
    headers: { 'content-type': type },
    body,
  }
}

/** Bytes that look like a message for a while. */
function garbage(chance: Chance): Buffer {
  const bytes: number[] = []
  for (let left = chance.below(60); left > 0; left -= 1) {
    const field = (chance.below(12) << 3) | chance.below(6)
    bytes.push(
      field,
      chance.below(256),
      ...Array.from({ length: chance.below(8) }, () => chance.below(128)),
    )
  }
  return Buffer.from(bytes)
}

const pointers = [
  '',
  '/',
  '/metadata',
  '/metadata/name',
  '/spec',
  '/spec/containers/0',
  '/spec/containers/-',
  '/spec/containers/99999999999',
  '/status',
  '/~2',
  '/data/a',
  '/__proto__/x',
  '/metadata/labels/a~1b',
]

export function oddPatch(chance: Chance): Wish {
  const [path, object] = chance.pick(existingObjects)
  const name = (object['metadata'] as { name: string }).name
  const directives = [
    { $patch: 'delete' },
    { $patch: 'x' },
    { $retainKeys: ['a'] },
    { $retainKeys: 1 },
    { '$setElementOrder/containers': [{ name: 'zz' }] },
    { '$setElementOrder/containers': 'x' },
    { '$deleteFromPrimitiveList/finalizers': ['a'] },
    { '$deleteFromPrimitiveList/x': 0 },
  ]
  const withDirective = (value: unknown): unknown => ({
    ...(value as object),
    spec: { ...(value as { spec?: object }).spec, ...chance.pick(directives) },
  })
  const [type, body] = chance.pick<() => readonly [string, unknown]>([
    () => [
      'json-patch',
      Array.from({ length: 1 + chance.below(4) }, () => ({
        op: chance.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x', 1]),
        path: chance.pick(pointers),
        from: chance.pick(pointers),
        value: chance.pick(oddValues),
      })),
    ],
    () => ['json-patch', mutated(chance, [{ op: 'add', path: '/a', value: 1 }])],
    () => ['merge-patch', mutated(chance, object)],
    () => ['merge-patch', chance.pick(oddValues)],
    () => ['strategic-merge-patch', mutated(chance, object)],
    () => ['strategic-merge-patch', mutated(chance, withDirective(object))],
    () => ['strategic-merge-patch', withDirective(object)],
    () => ['apply-patch', mutated(chance, { ...object, apiVersion: 'v1', kind: 'Pod' })],
    () => ['apply-patch', mutated(chance, object)],
  ])()
  const suffix = type === 'apply-patch' ? 'yaml' : 'json'
  const text = JSON.stringify(body)
  const cut = chance.below(8) === 0 ? text.slice(0, chance.below(text.length)) : text
  const query = chance.pick([
    '',
    '?fieldManager=m',
    '?fieldManager=m&force=true',
    '?force=x',
    '?dryRun=All',
    '?fieldValidation=Strict',
    `?fieldManager=${'x'.repeat(200)}`,
  ])
  return {
    method: 'PATCH',
    path: `${path}/${chance.pick([name, name, name, 'none', ''])}${chance.pick(['', '', '', '/status', '/scale', '/x'])}${query}`,
    headers: { 'content-type': `application/${type}+${suffix}` },
    body: cut,
  }
}
