// SPDX-License-Identifier: Apache-2.0
// The resources of the groups that have only one or two.
import { defineResource, statusOf } from '../define-resource.ts'
import { groupEventFields } from '../events/event-fields.ts'
import { toCoreEvent, toGroupEvent } from '../events/event-forms.ts'
import { endpointSliceStrategy } from '../core/endpoint-strategies.ts'
import { groupEventStrategy } from '../events/event-strategies.ts'
import {
  disruptionBudgetStrategy,
  leaseStrategy,
  priorityClassStrategy,
  runtimeClassStrategy,
} from '../policy/small-strategies.ts'
import type { ResourceDefinition } from '../resource-definition.ts'

export const eventsGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'events.k8s.io',
    kind: 'Event',
    plural: 'events',
    shortNames: ['ev'],
    selectableFields: groupEventFields,
    storage: 'events',
    fromStorage: toGroupEvent,
    toStorage: toCoreEvent,
    strategy: groupEventStrategy,
  }),
]

export const policyGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'policy',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    shortNames: ['pdb'],
    subresources: [statusOf('PodDisruptionBudget')],
    strategy: disruptionBudgetStrategy,
  }),
]

export const schedulingGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'scheduling.k8s.io',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    shortNames: ['pc'],
    isNamespaced: false,
    strategy: priorityClassStrategy,
  }),
]

export const coordinationGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'coordination.k8s.io',
    kind: 'Lease',
    plural: 'leases',
    strategy: leaseStrategy,
  }),
]

export const nodeGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'node.k8s.io',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    isNamespaced: false,
    strategy: runtimeClassStrategy,
  }),
]

export const discoveryGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'discovery.k8s.io',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    strategy: endpointSliceStrategy,
  }),
]

export const metricsGroup: readonly ResourceDefinition[] = [
  metrics({ kind: 'NodeMetrics', plural: 'nodes', isNamespaced: false }),
  metrics({ kind: 'PodMetrics', plural: 'pods', isNamespaced: true }),
]

function metrics(names: {
  readonly kind: string
  readonly plural: string
  readonly isNamespaced: boolean
}): ResourceDefinition {
  return defineResource({
    ...names,
    group: 'metrics.k8s.io',
    version: 'v1beta1',
    singular: '',
    verbs: ['get', 'list'],
    isVirtual: true,
  })
}
