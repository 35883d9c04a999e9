// SPDX-License-Identifier: Apache-2.0
// What a kube-apiserver 1.36.3 answered to updates of its objects, recorded with dryRun=All: each line
// of `updates.jsonl` has the stored object, a JSON patch, and the causes of a 422 or the new state.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import { keepIdentity } from './meta/keep-identity.ts'
import { resourceOfKind } from './registry.ts'
import { validateChange } from './validate-object.ts'

interface Operation {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: string
  readonly value?: unknown
}
interface Recorded {
  readonly name: string
  readonly subresource?: string
  readonly old: KubeObject
  readonly patch: readonly Operation[]
  readonly causes?: readonly (readonly [string, string, string])[]
  readonly stored?: KubeObject
}

const context = { user: { name: 'admin', groups: [] }, nowMs: Date.UTC(2026, 0, 1) }
const recordings = readFileSync(new URL('recorded/updates.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded)

function patched(object: KubeObject, operations: readonly Operation[]): KubeObject {
  const copy = structuredClone(object)
  for (const { op, path, value } of operations) {
    const parts = path.slice(1).split('/')
    const last = parts.pop() ?? ''
    let target = copy as unknown as Record<string, unknown>
    for (const part of parts) target = target[part] as Record<string, unknown>
    if (!Array.isArray(target)) {
      if (op === 'remove') delete target[last]
      else target[last] = value
    } else if (op === 'remove') target.splice(Number(last), 1)
    else if (last === '-') target.push(value)
    else target[Number(last)] = value
  }
  return copy
}

function update({ old, patch, subresource = '' }: Recorded) {
  const resource = resourceOfKind(old.apiVersion, old.kind) ?? assert.fail(old.kind)
  const { strategy } = resource
  const complete = strategy.applyDefaults(patched(old, patch))
  const prepared = strategy.prepareForUpdate(complete, old, subresource, context)
  const next = keepIdentity(prepared, old)
  return { next, faults: validateChange(resource, { next, old }, subresource) }
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

test('an update that the API server refuses is refused in its words', () => {
  const refused = recordings.filter(({ causes }) => causes !== undefined)
  assert.ok(refused.length > 50)
  for (const recorded of refused) {
    const causes = update(recorded).faults.map(({ field, type, message }) =>
      // What follows in other lines shows the difference, and in other names.
      JSON.stringify([field, type, message.split('\n', 1)[0]]),
    )
    assert.deepEqual(
      [...new Set(causes)].sort(byText),
      (recorded.causes ?? []).map((cause) => JSON.stringify(cause)).sort(byText),
      recorded.name,
    )
  }
})

test('an update that the API server accepts has the same outcome', () => {
  const accepted = recordings.filter(({ stored }) => stored !== undefined)
  assert.ok(accepted.length > 20)
  for (const recorded of accepted) {
    const { next, faults } = update(recorded)
    assert.deepEqual(faults, [], recorded.name)
    const { resourceVersion: _, ...metadata } = next.metadata
    const clean = JSON.parse(JSON.stringify({ ...next, metadata })) as KubeObject
    assert.deepEqual(clean, recorded.stored, recorded.name)
  }
})
