// SPDX-License-Identifier: Apache-2.0
// Kinds with only a few rules: disruption budgets, priority and runtime classes, leases, accounts.
import type {
  Lease,
  PodDisruptionBudget,
  PriorityClass,
  RuntimeClass,
  ServiceAccount,
  Toleration,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { canonicalAmounts } from '../canonical-quantity.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { dnsLabelFaults } from '../meta/name-rules.ts'
import { deprecatedNodeLabel } from '../meta/deprecated-labels.ts'
import { validateLabels, validateLabelSelector } from '../meta/validate-labels.ts'
import { isImmutable, validateNonNegative, validateOneOf } from '../meta/validate-values.ts'
import { validateContainerResources } from '../pods/validate-resources.ts'
import { validateTolerations } from '../pods/validate-scheduling.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { mapField, mapItems, withDefaults, withField } from '../share-structure.ts'
import { validateAtMostAll, validateCount } from '../workloads/validate-template.ts'

export const disruptionBudgetStrategy: Strategy = genericStrategy({
  nameRule: 'path-segment',
  hasGeneration: true,
  requiresResourceVersion: true,
  newStatus: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  validate: (object) => validateBudget(asKind<PodDisruptionBudget>(object)),
  validateUpdate: function* (next, _old, subresource) {
    const budget = asKind<PodDisruptionBudget>(next)
    if (subresource !== 'status') {
      yield* validateBudget(budget)
      return
    }
    for (const field of budgetCounts) {
      yield* validateNonNegative(budget.status?.[field], `status.${field}`)
    }
  },
})

const budgetCounts = [
  'disruptionsAllowed',
  'currentHealthy',
  'desiredHealthy',
  'expectedPods',
] as const

function* validateBudget(budget: PodDisruptionBudget): Iterable<FieldError> {
  const spec = budget.spec ?? {}
  const { maxUnavailable, minAvailable, selector } = spec
  if (!isMissing(minAvailable) && !isMissing(maxUnavailable)) {
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
    }
    yield invalidValue('spec', shown, 'minAvailable and maxUnavailable cannot be both set')
  }
  for (const [field, count] of Object.entries({ minAvailable, maxUnavailable })) {
    if (isMissing(count)) continue
    yield* validateCount(count, `spec.${field}`)
    yield* validateAtMostAll(count, `spec.${field}`)
  }
  yield* validateLabelSelector(selector, 'spec.selector')
  yield* validateOneOf(spec.unhealthyPodEvictionPolicy, 'spec.unhealthyPodEvictionPolicy', {
    supported: ['AlwaysAllow', 'IfHealthyBudget'],
  })
}

const maxUserPriority = 1_000_000_000
const systemClasses: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
}

export const priorityClassStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  asksTheSame: () => true,
  applyDefaults: (object) =>
    withDefaults<KubeObject>(object, { preemptionPolicy: 'PreemptLowerPriority', value: 0 }),
  validate: (object) => validatePriority(asKind<PriorityClass>(object)),
  validateUpdate: function* (next, old) {
    if ((next['value'] ?? 0) !== (old['value'] ?? 0)) {
      yield forbiddenField('value', 'may not be changed in an update.')
    }
    if (next['preemptionPolicy'] === old['preemptionPolicy']) return
    yield invalidValue('preemptionPolicy', next['preemptionPolicy'] ?? null, isImmutable)
  },
})

function* validatePriority(priority: PriorityClass): Iterable<FieldError> {
  const name = textOf(priority.metadata.name)
  const value = priority.value ?? 0
  if (name.startsWith('system-')) {
    const why = systemClassFault(name, priority)
    if (why !== undefined) {
      const rule = "priority class names with 'system-' prefix are reserved for system use only."
      yield forbiddenField('metadata.name', `${rule} error: ${why}`)
    }
  } else if (value > maxUserPriority) {
    const why = `maximum allowed value of a user defined priority is ${maxUserPriority}`
    yield forbiddenField('value', why)
  }
  yield* validateOneOf(priority.preemptionPolicy, 'preemptionPolicy', {
    supported: ['PreemptLowerPriority', 'Never'],
  })
}

function systemClassFault(name: string, priority: PriorityClass): string | undefined {
  const value = systemClasses[name]
  if (value === undefined) return `${name} is not a known system priority class`
  if (value !== priority.value) return `value of ${name} PriorityClass must be ${value}`
  return priority.globalDefault === true
    ? `globalDefault of ${name} PriorityClass must be false`
    : undefined
}

export const runtimeClassStrategy: Strategy = genericStrategy({
  allowsCreateOnUpdate: true,
  requiresResourceVersion: true,
  applyDefaults: (object) => {
    const { overhead } = asKind<RuntimeClass>(object)
    if (isMissing(overhead)) return object
    const podFixed = canonicalAmounts(overhead.podFixed)
    return withField(object, 'overhead', withField(overhead, 'podFixed', podFixed))
  },
  validate: (object) => validateRuntimeClass(asKind<RuntimeClass>(object)),
  validateUpdate: function* (next, old) {
    if (next['handler'] === old['handler']) return
    yield invalidValue('handler', next['handler'] ?? '', isImmutable)
  },
  warnings: (object) =>
    Object.keys(mapOf(asKind<RuntimeClass>(object).scheduling?.nodeSelector)).flatMap((key) => {
      const why = deprecatedNodeLabel(key)
      return why === undefined ? [] : [`scheduling.nodeSelector: ${why}`]
    }),
})

function* validateRuntimeClass(runtime: RuntimeClass): Iterable<FieldError> {
  const handler = textOf(runtime.handler)
  if (handler === '') yield required('handler')
  else for (const fault of dnsLabelFaults(handler)) yield invalidValue('handler', handler, fault)
  if (!isMissing(runtime.overhead)) {
    const limits = mapOf(runtime.overhead.podFixed)
    yield* validateContainerResources({ limits }, 'overhead', new Set())
  }
  const { scheduling } = runtime
  if (isMissing(scheduling)) return
  yield* validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector')
  yield* validateTolerations(scheduling.tolerations, 'scheduling.tolerations')
  const seen = new Set<string>()
  for (const [index, toleration] of listOf(scheduling.tolerations).entries()) {
    const { key, operator, value, effect } = toleration
    const text = JSON.stringify([key, operator, value, effect])
    if (seen.has(text))
      yield duplicate(`scheduling.tolerations[${index}]`, internalForm(toleration))
    seen.add(text)
  }
}

/** Messages show a toleration with the names that the API server has inside. */
function internalForm({ key, operator, value, effect, tolerationSeconds }: Toleration): unknown {
  return {
    Key: textOf(key),
    Operator: textOf(operator),
    Value: textOf(value),
    Effect: textOf(effect),
    TolerationSeconds: tolerationSeconds ?? null,
  }
}

export const leaseStrategy: Strategy = genericStrategy({
  allowsCreateOnUpdate: true,
  requiresResourceVersion: true,
  // Coordinated election is not switched on in this version.
  applyDefaults: (object) => {
    const complete = withDefaults<KubeObject>(object, { spec: {} })
    return mapField(complete, 'spec', (spec) => {
      const { strategy, preferredHolder, ...rest } = spec as Readonly<Record<string, unknown>>
      return strategy === undefined && preferredHolder === undefined ? spec : rest
    })
  },
  validate: (object) => validateLease(asKind<Lease>(object)),
  validateUpdate: (next) => validateLease(asKind<Lease>(next)),
})

function* validateLease({ spec }: Lease): Iterable<FieldError> {
  const { leaseDurationSeconds: seconds, leaseTransitions } = spec ?? {}
  if (typeof seconds === 'number' && seconds <= 0) {
    yield invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0')
  }
  yield* validateNonNegative(leaseTransitions, 'spec.leaseTransitions')
}

/** References to secrets carry no more than names. */
export const serviceAccountStrategy: Strategy = genericStrategy({
  completeNew: (object) => withPlainSecrets(object),
  completeUpdate: (next) => withPlainSecrets(next),
})

function withPlainSecrets(object: KubeObject): KubeObject {
  const { secrets } = asKind<ServiceAccount>(object)
  const plain = mapItems(secrets, (secret) =>
    Object.keys(secret).length === 1 && secret.name !== undefined
      ? secret
      : { ...(secret.name !== undefined && { name: secret.name }) },
  )
  return withField(object, 'secrets', plain)
}
