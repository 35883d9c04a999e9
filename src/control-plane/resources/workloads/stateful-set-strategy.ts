// SPDX-License-Identifier: Apache-2.0
// StatefulSets: pods with names and volumes of their own.
import type {
  PersistentVolumeClaim,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetUpdateStrategy,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { validateDnsLabel, validateNonNegative } from '../meta/validate-values.ts'
import { defaultPodTemplate } from '../pods/default-pod-spec.ts'
import { validatePodTemplate } from '../pods/validate-pod-spec.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapField, mapItems, withDefaults, withField } from '../share-structure.ts'
import { defaultClaimSpec } from '../storage/default-claim.ts'
import { validateClaimSpec } from '../storage/validate-claim-spec.ts'
import { withSpec } from '../with-spec.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateStatusCounts } from './validate-status-counts.ts'
import {
  amountOf,
  validateAtMostAll,
  validateCount,
  validateLasting,
  validateMatch,
  validateSelector,
} from './validate-template.ts'

export const statefulSetStrategy: Strategy = genericStrategy({
  nameRule: 'dns-label',
  hasGeneration: true,
  newStatus: { replicas: 0, availableReplicas: 0 },
  applyDefaults: (object) => withSpec(object, defaultSpec),
  validate: (object) => validateSpec(specOf(object), true),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') {
      yield* validateStatusCounts(next, old, { counts, readyIn: 'status.readyReplicas' })
      return
    }
    yield* validateSpec(specOf(next), false)
    yield* validateUnchanged(specOf(next), specOf(old))
  },
  warnings: (object, old) => templateWarnings(specOf(object).template, object, old),
})

const counts = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
]

const mutable = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const

function specOf(object: Parameters<Strategy['validate']>[0]): StatefulSetSpec {
  return asKind<StatefulSet>(object).spec ?? { selector: undefined as never, template: {} }
}

function defaultSpec(spec: StatefulSetSpec): StatefulSetSpec {
  const complete = withDefaults(spec, {
    podManagementPolicy: 'OrderedReady',
    persistentVolumeClaimRetentionPolicy: {},
    replicas: 1,
    revisionHistoryLimit: 10,
    updateStrategy: {},
  })
  const withStrategy = mapField(complete, 'updateStrategy', defaultUpdate)
  const withPolicy = mapField(withStrategy, 'persistentVolumeClaimRetentionPolicy', (policy) =>
    withDefaults(policy, { whenDeleted: 'Retain', whenScaled: 'Retain' }),
  )
  const claims = mapItems(spec.volumeClaimTemplates, defaultClaim)
  const named =
    typeof spec.serviceName === 'string' ? withPolicy : { ...withPolicy, serviceName: '' }
  const withClaims = withField(named, 'volumeClaimTemplates', claims)
  return withField(withClaims, 'template', defaultPodTemplate(spec.template))
}

function defaultUpdate(strategy: StatefulSetUpdateStrategy): StatefulSetUpdateStrategy {
  const typed =
    textOf(strategy.type) === ''
      ? withDefaults(strategy, { type: 'RollingUpdate', rollingUpdate: {} })
      : strategy
  if (typed.type !== 'RollingUpdate') return typed
  return mapField(typed, 'rollingUpdate', (update) =>
    typeof update.partition === 'number' ? update : { ...update, partition: 0 },
  )
}

function defaultClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const typed = withDefaults(claim, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    status: { phase: 'Pending' },
  })
  return mapField(typed, 'spec', defaultClaimSpec)
}

function* validateSpec(spec: StatefulSetSpec, isNew: boolean): Iterable<FieldError> {
  const management = textOf(spec.podManagementPolicy)
  if (management === '') yield required('spec.podManagementPolicy')
  else if (management !== 'OrderedReady' && management !== 'Parallel') {
    const why = "must be 'OrderedReady' or 'Parallel'"
    yield invalidValue('spec.podManagementPolicy', management, why)
  }
  yield* validateUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy')
  const retention = spec.persistentVolumeClaimRetentionPolicy
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const policy = textOf(retention?.[field])
    if (isMissing(retention) || policy === 'Retain' || policy === 'Delete') continue
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`
    yield notSupported(path, policy, ['Retain', 'Delete'])
  }
  if (isNew) {
    for (const [index, claim] of listOf(spec.volumeClaimTemplates).entries()) {
      const path = `spec.volumeClaimTemplates[${index}].spec`
      yield* validateClaimSpec(isRecord(claim.spec) ? claim.spec : {}, path)
    }
  }
  yield* validateNonNegative(spec.replicas, 'spec.replicas')
  yield* validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds')
  yield* validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start')
  const service = textOf(spec.serviceName)
  if (isNew && service !== '') yield* validateDnsLabel(service, 'spec.serviceName')
  yield* validateSelector(spec.selector, 'spec.selector', 'statefulset')
  yield* validateTemplate(spec)
}

/** The claims are volumes of each pod; names of hosts are given by the set. */
function* validateTemplate(spec: StatefulSetSpec): Iterable<FieldError> {
  const template = spec.template ?? {}
  const claims = listOf(spec.volumeClaimTemplates).map((claim) => textOf(claim.metadata?.name))
  const volumes = [
    ...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...listOf(template.spec?.volumes).filter(({ name }) => !claims.includes(name)),
  ]
  const completed = mapField(template, 'spec', ({ hostname: _h, subdomain: _s, ...rest }) =>
    claims.length === 0 ? rest : { ...rest, volumes },
  )
  yield* validateMatch(spec.selector, template, 'spec.template')
  yield* validatePodTemplate(completed, 'spec.template')
  yield* validateLasting(template, 'spec.template', 'StatefulSet')
}

function* validateUpdateStrategy(
  strategy: StatefulSetUpdateStrategy,
  path: string,
): Iterable<FieldError> {
  const { type, rollingUpdate } = strategy
  if (textOf(type) === '') yield required(path)
  else if (type === 'OnDelete') {
    if (isMissing(rollingUpdate)) return
    const why = "only allowed for updateStrategy 'RollingUpdate'"
    const { maxUnavailable = null, partition = 0 } = rollingUpdate
    const shown = { Partition: partition, MaxUnavailable: maxUnavailable }
    yield invalidValue(`${path}.rollingUpdate`, shown, why)
  } else if (type !== 'RollingUpdate') {
    const shown = { Type: type, RollingUpdate: rollingUpdate ?? null }
    yield invalidValue(path, shown, "must be 'RollingUpdate' or 'OnDelete'")
  } else if (!isMissing(rollingUpdate)) {
    const { maxUnavailable, partition } = rollingUpdate
    const at = `${path}.rollingUpdate`
    yield* validateNonNegative(partition, `${at}.partition`)
    if (isMissing(maxUnavailable)) return
    yield* validateCount(maxUnavailable, `${at}.maxUnavailable`)
    if (amountOf(maxUnavailable) === 0) {
      yield invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0')
    }
    yield* validateAtMostAll(maxUnavailable, `${at}.maxUnavailable`)
  }
}

function* validateUnchanged(next: StatefulSetSpec, old: StatefulSetSpec): Iterable<FieldError> {
  let rest = next
  for (const field of mutable) rest = withField(rest, field, old[field])
  if (isSemanticallyEqual(rest, old)) return
  const why =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
  yield forbiddenField('spec', why)
}
