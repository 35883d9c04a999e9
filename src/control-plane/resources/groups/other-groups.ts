// SPDX-License-Identifier: Apache-2.0
// The resources of the groups that have only one or two.
import { defineResource, statusOf } from '../define-resource.ts'
import { groupEventFields } from '../events/event-fields.ts'
import { toCoreEvent, toGroupEvent } from '../events/event-forms.ts'
import { genericStrategy } from '../generic-strategy.ts'
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
    strategy: genericStrategy({ allowsCreateOnUpdate: true }),
  }),
]

export const policyGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'policy',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    shortNames: ['pdb'],
    subresources: [statusOf('PodDisruptionBudget')],
    strategy: genericStrategy({
      hasGeneration: true,
      requiresResourceVersion: true,
      newStatus: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    }),
  }),
]

export const schedulingGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'scheduling.k8s.io',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    shortNames: ['pc'],
    isNamespaced: false,
    strategy: genericStrategy({ hasGeneration: true, asksTheSame: () => true }),
  }),
]

export const coordinationGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'coordination.k8s.io',
    kind: 'Lease',
    plural: 'leases',
    strategy: genericStrategy({ allowsCreateOnUpdate: true, requiresResourceVersion: true }),
  }),
]

export const nodeGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'node.k8s.io',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    isNamespaced: false,
    strategy: genericStrategy({ allowsCreateOnUpdate: true, requiresResourceVersion: true }),
  }),
]

export const discoveryGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'discovery.k8s.io',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    strategy: genericStrategy({ hasGeneration: true }),
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
