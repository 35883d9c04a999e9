// SPDX-License-Identifier: Apache-2.0
// What a kube-apiserver 1.36.3 answered to these objects, recorded with dryRun=All: `refused.jsonl` has
// the causes of its 422s, `accepted.jsonl` what it would have stored (without what admission adds).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { invalid } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { inNamespace } from './meta/keep-identity.ts'
import { resourceOfKind } from './registry.ts'
import { withAllocations } from './services/allocate-service.ts'
import { validateCreate } from './validate-object.ts'

interface Recorded {
  readonly name: string
  readonly namespace?: string
  readonly object: KubeObject
}
interface Refused extends Recorded {
  readonly message: string
  readonly causes: readonly (readonly [string, string, string])[]
}
interface Accepted extends Recorded {
  readonly stored: KubeObject
  readonly warnings?: readonly string[]
}

const context = { user: { name: 'admin', groups: [] }, nowMs: Date.UTC(2026, 0, 1) }
const pool = {
  cidr: '10.95.255.255/16',
  takenIps: new Set<string>(),
  nodePorts: { min: 30_000, max: 32_767 },
  takenNodePorts: new Set<number>(),
  random: () => 0,
}

function prepare({ object, namespace = '' }: Recorded) {
  const resource = resourceOfKind(object.apiVersion, object.kind) ?? assert.fail(object.kind)
  const placed = inNamespace(resource.strategy.applyDefaults(object), namespace)
  const named = { ...placed, metadata: { ...placed.metadata, uid: 'u' } }
  const prepared = resource.strategy.prepareForCreate(named, context)
  const allocated = object.kind === 'Service' ? withAllocations(prepared, pool) : prepared
  return { resource, object: allocated, faults: validateCreate(resource, allocated) }
}

function read<T>(file: string): readonly T[] {
  const url = new URL(`recorded/${file}`, import.meta.url)
  const lines = readFileSync(url, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as T)
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

test('what the API server refuses is refused in its words', () => {
  const cases = read<Refused>('refused.jsonl')
  assert.ok(cases.length > 150)
  for (const recorded of cases) {
    const { faults } = prepare(recorded)
    const causes = faults.map(({ field, type, message }) => JSON.stringify([field, type, message]))
    // Maps have no order there, so that neither have the faults of their entries.
    assert.deepEqual(
      [...new Set(causes)].sort(byText),
      recorded.causes.map((cause) => JSON.stringify(cause)).sort(byText),
      recorded.name,
    )
  }
})

test("a refusal of a single fault reads as a whole like the API server's", () => {
  for (const recorded of read<Refused>('refused.jsonl')) {
    if (recorded.causes.length > 1) continue
    const { resource, object, faults } = prepare(recorded)
    const { message } = invalid(resource, object.metadata.name ?? '', faults).status
    assert.equal(message, recorded.message, recorded.name)
  }
})

test('what the API server accepts is accepted, with its defaults and warnings', () => {
  const cases = read<Accepted>('accepted.jsonl')
  assert.ok(cases.length > 50)
  for (const recorded of cases) {
    const { resource, object, faults } = prepare(recorded)
    assert.deepEqual(faults, [], recorded.name)
    const { uid: _, ...metadata } = object.metadata
    const clean = JSON.parse(JSON.stringify({ ...object, metadata })) as KubeObject
    assert.deepEqual(clean, recorded.stored, recorded.name)
    const warnings = resource.strategy.warnings?.(object) ?? []
    const expected = recorded.warnings ?? []
    assert.deepEqual([...new Set(warnings)].sort(byText), [...expected].sort(byText), recorded.name)
  }
})

test('what has been accepted is not changed by its defaults again', () => {
  for (const recorded of read<Accepted>('accepted.jsonl')) {
    const { resource, object } = prepare(recorded)
    assert.equal(resource.strategy.applyDefaults(object), object, recorded.name)
  }
})
