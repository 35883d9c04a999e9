// SPDX-License-Identifier: Apache-2.0
// The resources of the group apps.
import { defineResource, scaleSubresource, statusOf } from '../define-resource.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { hasSameContent } from '../generic-strategy.ts'

const controllerRevisions = defineResource({
  group: 'apps',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
})

const daemonSets = defineResource({
  group: 'apps',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  subresources: [statusOf('DaemonSet')],
  strategy: genericStrategy({
    hasGeneration: true,
    newStatus: {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    },
  }),
})

const deployments = defineResource({
  group: 'apps',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('Deployment')],
  strategy: genericStrategy({
    hasGeneration: true,
    newStatus: {},
    asksTheSame: (next, old) =>
      hasSameContent(next, old) &&
      isSemanticallyEqual(next.metadata.annotations, old.metadata.annotations),
  }),
})

const replicaSets = defineResource({
  group: 'apps',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('ReplicaSet')],
  strategy: genericStrategy({ hasGeneration: true, newStatus: { replicas: 0 } }),
})

const statefulSets = defineResource({
  group: 'apps',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('StatefulSet')],
  strategy: genericStrategy({
    hasGeneration: true,
    newStatus: { replicas: 0, availableReplicas: 0 },
  }),
})

export const appsGroup: readonly ResourceDefinition[] = [
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
]
