// SPDX-License-Identifier: Apache-2.0
// How much of a quota is used: the sum over the objects of its namespace, under the names it limits.
import type { Resource } from '../../../kube/resources.ts'
import type { Pod, ResourceQuota } from '../../../kube/types.gen.ts'
import { format, zero } from '../../../util/quantity.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import { isCharged, objectUsage } from './object-usage.ts'
import { isInScope } from './quota-scopes.ts'
import { addAll } from './pod-sums.ts'
import type { Sums } from './pod-sums.ts'

export interface UsageContext {
  /** All kinds that can be counted. */
  readonly resources: readonly Resource<unknown>[]
  /** The objects of a kind in the quota's namespace. */
  readonly list: (resource: Resource<unknown>) => readonly StoredObject[]
  readonly nowMs: number
}

/** What status.used ought to be; names that nothing here can measure keep what they have. */
export function quotaUsage(
  { spec, status }: ResourceQuota,
  { resources, list, nowMs }: UsageContext,
): Readonly<Record<string, string>> {
  const hard = Object.keys(spec.hard ?? {})
  const sums: Sums = new Map()
  const measured = new Set<string>()
  for (const resource of resources) {
    if (!isCharged(resource, hard)) continue
    for (const name of hard) if (isCharged(resource, [name])) measured.add(name)
    const isPod = resource.apiVersion === 'v1' && resource.plural === 'pods'
    for (const object of list(resource)) {
      const pod = isPod ? (object as unknown as Pod) : undefined
      if (isInScope(spec, pod)) addAll(sums, objectUsage(resource, object, nowMs))
    }
  }
  const entries = hard.flatMap((name): readonly (readonly [string, string])[] => {
    if (measured.has(name)) return [[name, format(sums.get(name) ?? zero)]]
    const kept = status?.used?.[name]
    return kept === undefined ? [] : [[name, kept]]
  })
  return Object.fromEntries(entries)
}
