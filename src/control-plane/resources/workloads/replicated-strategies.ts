// SPDX-License-Identifier: Apache-2.0
// Deployments and ReplicaSets: pods that are all the same.
import type {
  Deployment,
  DeploymentSpec,
  DeploymentStrategy,
  LabelSelector,
  ReplicaSet,
  ReplicaSetSpec,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy, hasSameContent } from '../generic-strategy.ts'
import { validateNonNegative } from '../meta/validate-values.ts'
import { defaultPodTemplate } from '../pods/default-pod-spec.ts'
import { isMissing } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapField, withDefaults, withField } from '../share-structure.ts'
import { withSpec } from '../with-spec.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateStatusCounts } from './validate-status-counts.ts'
import {
  amountOf,
  validateAtMostAll,
  validateCount,
  validateReplicaTemplate,
  validateSameSelector,
  validateSelector,
} from './validate-template.ts'

export const deploymentStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: {},
  applyDefaults: (object) => withSpec(object, defaultDeployment),
  // An annotation may say what to roll back to, so that it counts as a change.
  asksTheSame: (next, old) =>
    hasSameContent(next, old) &&
    isSemanticallyEqual(next.metadata.annotations, old.metadata.annotations),
  completeUpdate: (next, old, subresource) => {
    if (subresource !== 'status') return next
    const metadata = withField(next.metadata, 'labels', old.metadata.labels)
    return withField(next, 'metadata', metadata)
  },
  validate: (object) => validateDeployment(asKind<Deployment>(object).spec ?? noSpec),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') {
      yield* validateStatusCounts(next, old, { counts: deploymentCounts, readyIn: 'readyReplicas' })
      return
    }
    const spec = asKind<Deployment>(next).spec ?? noSpec
    yield* validateDeployment(spec)
    yield* validateSameSelector(spec.selector, asKind<Deployment>(old).spec?.selector)
  },
  warnings: (object, old) =>
    templateWarnings(asKind<Deployment>(object).spec?.template, object, old),
})

export const replicaSetStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: { replicas: 0 },
  applyDefaults: (object) => withSpec(object, defaultReplicaSet),
  validate: (object) => validateReplicaSet(asKind<ReplicaSet>(object).spec ?? noSpec),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') {
      yield* validateStatusCounts(next, old, { counts: replicaSetCounts, readyIn: 'readyReplicas' })
      return
    }
    const spec = asKind<ReplicaSet>(next).spec ?? noSpec
    yield* validateReplicaSet(spec)
    yield* validateSameSelector(spec.selector, asKind<ReplicaSet>(old).spec?.selector)
  },
  warnings: (object, old) =>
    templateWarnings(asKind<ReplicaSet>(object).spec?.template, object, old),
})

const deploymentCounts = [
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
]
const replicaSetCounts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
]

const noSpec: DeploymentSpec & ReplicaSetSpec = {
  selector: undefined as unknown as LabelSelector,
  template: {},
}

function defaultDeployment(spec: DeploymentSpec): DeploymentSpec {
  const complete = withDefaults(spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: {},
  })
  const withStrategy = mapField(complete, 'strategy', (strategy) => {
    const typed = withDefaults(strategy, { type: 'RollingUpdate' })
    if (typed.type !== 'RollingUpdate') return typed
    return mapField(withDefaults(typed, { rollingUpdate: {} }), 'rollingUpdate', (update) =>
      withDefaults(update, { maxUnavailable: '25%', maxSurge: '25%' }),
    )
  })
  return withField(withStrategy, 'template', defaultPodTemplate(spec.template))
}

function defaultReplicaSet(spec: ReplicaSetSpec): ReplicaSetSpec {
  const complete = withDefaults(spec, { replicas: 1 })
  return withField(complete, 'template', defaultPodTemplate(spec.template))
}

function* validateDeployment(spec: DeploymentSpec): Iterable<FieldError> {
  const minReady = spec.minReadySeconds ?? 0
  yield* validateNonNegative(spec.replicas, 'spec.replicas')
  yield* validateSelector(spec.selector, 'spec.selector', 'deployment')
  yield* validateReplicaTemplate(spec.selector, spec.template ?? {}, 'spec.template')
  yield* validateStrategy(spec.strategy ?? {}, 'spec.strategy')
  yield* validateNonNegative(minReady, 'spec.minReadySeconds')
  yield* validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit')
  const deadline = spec.progressDeadlineSeconds
  if (isMissing(deadline)) return
  yield* validateNonNegative(deadline, 'spec.progressDeadlineSeconds')
  if (deadline <= minReady) {
    const why = 'must be greater than minReadySeconds'
    yield invalidValue('spec.progressDeadlineSeconds', deadline, why)
  }
}

function* validateStrategy(strategy: DeploymentStrategy, path: string): Iterable<FieldError> {
  const { type, rollingUpdate } = strategy
  const at = `${path}.rollingUpdate`
  if (type === 'Recreate') {
    if (isMissing(rollingUpdate)) return
    yield forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'")
  } else if (type !== 'RollingUpdate') {
    const shown = { Type: type ?? '', RollingUpdate: rollingUpdate ?? null }
    yield notSupported(path, shown, ['Recreate', 'RollingUpdate'])
  } else if (isMissing(rollingUpdate)) {
    yield required(at, 'this should be defaulted and never be nil')
  } else {
    const { maxSurge, maxUnavailable } = rollingUpdate
    yield* validateCount(maxUnavailable, `${at}.maxUnavailable`)
    yield* validateCount(maxSurge, `${at}.maxSurge`)
    if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
      const why = 'may not be 0 when `maxSurge` is 0'
      yield invalidValue(`${at}.maxUnavailable`, maxUnavailable, why)
    }
    yield* validateAtMostAll(maxUnavailable, `${at}.maxUnavailable`)
  }
}

function* validateReplicaSet(spec: ReplicaSetSpec): Iterable<FieldError> {
  yield* validateNonNegative(spec.replicas, 'spec.replicas')
  yield* validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds')
  yield* validateSelector(spec.selector, 'spec.selector', 'deployment')
  yield* validateReplicaTemplate(spec.selector, spec.template ?? {}, 'spec.template')
}
