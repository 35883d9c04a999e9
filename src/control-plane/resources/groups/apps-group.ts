// SPDX-License-Identifier: Apache-2.0
// The resources of the group apps.
import type { ControllerRevision } from '../../../kube/types.gen.ts'
import { invalidValue, required } from '../../objects/field-error.ts'
import { asKind } from '../as-kind.ts'
import { defineResource, scaleSubresource, statusOf } from '../define-resource.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { isImmutable, validateNonNegative } from '../meta/validate-values.ts'
import { isMissing, isRecord } from '../read-json.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { daemonSetStrategy } from '../workloads/daemon-set-strategy.ts'
import { deploymentStrategy, replicaSetStrategy } from '../workloads/replicated-strategies.ts'
import { statefulSetStrategy } from '../workloads/stateful-set-strategy.ts'

const controllerRevisions = defineResource({
  group: 'apps',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  strategy: genericStrategy({
    validate: function* (object) {
      const { data, revision } = asKind<ControllerRevision>(object)
      yield* validateNonNegative(revision, 'revision')
      if (isMissing(data)) yield required('data', 'data is mandatory')
      else if (!isRecord(data)) yield required('data', 'data must be a valid JSON object')
    },
    validateUpdate: function* (next, old) {
      yield* validateNonNegative(asKind<ControllerRevision>(next).revision, 'revision')
      if (isSemanticallyEqual(next['data'], old['data'])) return
      yield invalidValue('data', next['data'], isImmutable)
    },
  }),
})

const daemonSets = defineResource({
  group: 'apps',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  subresources: [statusOf('DaemonSet')],
  strategy: daemonSetStrategy,
})

const deployments = defineResource({
  group: 'apps',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('Deployment')],
  strategy: deploymentStrategy,
})

const replicaSets = defineResource({
  group: 'apps',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('ReplicaSet')],
  strategy: replicaSetStrategy,
})

const statefulSets = defineResource({
  group: 'apps',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  subresources: [scaleSubresource, statusOf('StatefulSet')],
  strategy: statefulSetStrategy,
})

export const appsGroup: readonly ResourceDefinition[] = [
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
]
