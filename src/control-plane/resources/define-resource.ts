// SPDX-License-Identifier: Apache-2.0
// Shorthand for a line of the registry: what most resources have in common need not be said.
import { genericStrategy } from './generic-strategy.ts'
import type { ResourceDefinition, SubresourceDefinition, Verb } from './resource-definition.ts'

/** All verbs of an ordinary resource, in the order of discovery. */
export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

/** What has to be said of a resource; the rest follows from it. */
export interface ResourceOutline extends Partial<
  Omit<ResourceDefinition, 'subresources' | 'kind' | 'plural'>
> {
  readonly kind: string
  readonly plural: string
  readonly subresources?: readonly SubresourceDefinition[]
}

/** Completes an outline: namespaced, `v1`, all verbs, stored under its own name, no special rules. */
export function defineResource(outline: ResourceOutline): ResourceDefinition {
  const { kind, plural, group = '' } = outline
  return {
    version: 'v1',
    singular: kind.toLowerCase(),
    isNamespaced: true,
    verbs: allVerbs,
    subresources: [],
    strategy: genericStrategy(),
    storage: group === '' ? plural : `${plural}.${group}`,
    ...outline,
    group,
  }
}

/** The address of an object's status. */
export function statusOf(kind: string): SubresourceDefinition {
  return { name: 'status', kind, verbs: ['get', 'patch', 'update'] }
}

/** The address of a workload's number of replicas. */
export const scaleSubresource: SubresourceDefinition = {
  name: 'scale',
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
  verbs: ['get', 'patch', 'update'],
}
