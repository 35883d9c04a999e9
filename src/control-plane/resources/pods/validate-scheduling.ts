// SPDX-License-Identifier: Apache-2.0
// Judges where a pod wants to run: affinity, tolerations, spreading over topologies.
import type {
  Affinity,
  LabelSelector,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { dnsLabelFaults, labelValueFaults } from '../meta/name-rules.ts'
import { validateLabelKey, validateLabelSelector } from '../meta/validate-labels.ts'
import { validateDnsSubdomain, validateOneOf, validatePositive } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, mapOf, textOf } from '../read-json.ts'

export function* validateAffinity(affinity: Affinity, path: string): Iterable<FieldError> {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity
  if (!isMissing(nodeAffinity)) {
    const needed = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    const at = `${path}.nodeAffinity`
    if (!isMissing(needed)) yield* validateNodeSelector(needed, `${at}.${requiredTerms}`)
    const preferred = listOf(nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution)
    for (const [index, term] of preferred.entries()) {
      const here = `${at}.${preferredTerms}[${index}]`
      yield* validateWeight(term.weight, here)
      if (isRecord(term.preference)) {
        yield* validateTerm(term.preference, `${here}.preference`, false)
      }
    }
  }
  if (!isMissing(podAffinity)) yield* validatePodAffinity(podAffinity, `${path}.podAffinity`)
  if (!isMissing(podAntiAffinity)) {
    yield* validatePodAffinity(podAntiAffinity, `${path}.podAntiAffinity`)
  }
}

const requiredTerms = 'requiredDuringSchedulingIgnoredDuringExecution'
const preferredTerms = 'preferredDuringSchedulingIgnoredDuringExecution'

export function* validateNodeSelector(selector: NodeSelector, path: string): Iterable<FieldError> {
  const terms = listOf(selector.nodeSelectorTerms)
  const at = `${path}.nodeSelectorTerms`
  if (terms.length === 0) yield required(at, 'must have at least one node selector term')
  for (const [index, term] of terms.entries()) yield* validateTerm(term, `${at}[${index}]`, true)
}

function* validateWeight(weight: number, path: string): Iterable<FieldError> {
  if (weight > 0 && weight <= 100) return
  yield invalidValue(`${path}.weight`, weight ?? 0, 'must be in the range 1-100')
}

function* validateTerm(
  term: NodeSelectorTerm,
  path: string,
  judgesValues: boolean,
): Iterable<FieldError> {
  for (const [index, requirement] of listOf(term.matchExpressions).entries()) {
    yield* validateExpression(requirement, `${path}.matchExpressions[${index}]`, judgesValues)
  }
  for (const [index, requirement] of listOf(term.matchFields).entries()) {
    yield* validateFieldRequirement(requirement, `${path}.matchFields[${index}]`)
  }
}

const notOperator = 'not a valid selector operator'

function* validateExpression(
  requirement: NodeSelectorRequirement,
  path: string,
  judgesValues: boolean,
): Iterable<FieldError> {
  const { key, operator } = requirement
  const values = listOf(requirement.values)
  const at = `${path}.values`
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      yield required(at, "must be specified when `operator` is 'In' or 'NotIn'")
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
      yield forbiddenField(at, why)
    }
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) {
      yield required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    }
  } else yield invalidValue(`${path}.operator`, textOf(operator), notOperator)
  yield* validateLabelKey(textOf(key), `${path}.key`)
  if (!judgesValues) return
  for (const [index, value] of values.entries()) {
    for (const fault of labelValueFaults(textOf(value))) {
      yield invalidValue(`${at}[${index}]`, textOf(value), fault)
    }
  }
}

function* validateFieldRequirement(
  requirement: NodeSelectorRequirement,
  path: string,
): Iterable<FieldError> {
  const { key, operator } = requirement
  const values = listOf(requirement.values)
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length !== 1) {
      const why =
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
      yield required(`${path}.values`, why)
    }
  } else yield invalidValue(`${path}.operator`, textOf(operator), notOperator)
  if (key !== 'metadata.name') {
    yield invalidValue(`${path}.key`, textOf(key), 'not a valid field selector key')
    return
  }
  for (const [index, value] of values.entries()) {
    yield* validateDnsSubdomain(textOf(value), `${path}.values[${index}]`)
  }
}

function* validatePodAffinity(affinity: PodAffinity, path: string): Iterable<FieldError> {
  const needed = listOf(affinity.requiredDuringSchedulingIgnoredDuringExecution)
  for (const [index, term] of needed.entries()) {
    yield* validatePodTerm(term, `${path}.${requiredTerms}[${index}]`)
  }
  const preferred = listOf(affinity.preferredDuringSchedulingIgnoredDuringExecution)
  for (const [index, term] of preferred.entries()) {
    const at = `${path}.${preferredTerms}[${index}]`
    yield* validateWeight(term.weight, at)
    const inner: unknown = term.podAffinityTerm
    yield* validatePodTerm(
      isRecord(inner) ? term.podAffinityTerm : { topologyKey: '' },
      `${at}.podAffinityTerm`,
    )
  }
}

function* validatePodTerm(term: PodAffinityTerm, path: string): Iterable<FieldError> {
  yield* validateLabelSelector(term.labelSelector, `${path}.labelSelector`)
  yield* validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`)
  for (const namespace of listOf(term.namespaces)) {
    for (const fault of dnsLabelFaults(textOf(namespace))) {
      yield invalidValue(`${path}.namespace`, textOf(namespace), fault)
    }
  }
  yield* validateMatchLabelKeys(term, path)
  const key = textOf(term.topologyKey)
  if (key === '') yield required(`${path}.topologyKey`, 'can not be empty')
  yield* validateLabelKey(key, `${path}.topologyKey`)
}

interface WithLabelKeys {
  readonly labelSelector?: LabelSelector
  readonly matchLabelKeys?: readonly string[]
  readonly mismatchLabelKeys?: readonly string[]
}

function* validateMatchLabelKeys(term: WithLabelKeys, path: string): Iterable<FieldError> {
  const { labelSelector } = term
  const matching = listOf(term.matchLabelKeys)
  const mismatching = listOf(term.mismatchLabelKeys)
  for (const [field, keys] of [
    ['matchLabelKeys', matching],
    ['mismatchLabelKeys', mismatching],
  ] as const) {
    if (keys.length === 0) continue
    const at = `${path}.${field}`
    if (isMissing(labelSelector)) {
      yield forbiddenField(at, 'must not be specified when labelSelector is not set')
    } else {
      for (const [index, key] of keys.entries()) {
        yield* validateLabelKey(textOf(key), `${at}[${index}]`)
      }
    }
  }
  const seen = new Set(Object.keys(mapOf(labelSelector?.matchLabels)))
  for (const { key } of listOf(labelSelector?.matchExpressions)) {
    const index = matching.lastIndexOf(key)
    if (index !== -1 && seen.has(key)) {
      yield invalidValue(
        `${path}[${index}]`,
        key,
        'exists in both matchLabelKeys and labelSelector',
      )
    }
    seen.add(key)
  }
  for (const [index, key] of matching.entries()) {
    if (!mismatching.includes(key)) continue
    const why = 'exists in both matchLabelKeys and mismatchLabelKeys'
    yield invalidValue(`${path}.matchLabelKeys[${index}]`, key, why)
  }
}

export function* validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: string,
): Iterable<FieldError> {
  for (const [index, toleration] of listOf(tolerations).entries()) {
    const at = `${path}[${index}]`
    const key = textOf(toleration.key)
    const operator = textOf(toleration.operator)
    const effect = textOf(toleration.effect)
    if (key !== '') yield* validateLabelKey(key, `${at}.key`)
    else if (operator !== 'Exists') {
      const why =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"'
      yield invalidValue(`${at}.operator`, operator, why)
    }
    if (!isMissing(toleration.tolerationSeconds) && effect !== 'NoExecute') {
      const why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
      yield invalidValue(`${at}.effect`, effect, why)
    }
    yield* validateTolerationValue(operator, textOf(toleration.value), at)
    if (effect !== '') {
      yield* validateOneOf(effect, `${at}.effect`, { supported: taintEffects })
    }
  }
}

export const taintEffects: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

function* validateTolerationValue(
  operator: string,
  value: string,
  path: string,
): Iterable<FieldError> {
  const at = `${path}.operator`
  if (operator === '' || operator === 'Equal') {
    const faults = labelValueFaults(value)
    if (faults.length > 0) yield invalidValue(at, value, faults.join(';'))
  } else if (operator === 'Exists') {
    if (value !== '') {
      yield invalidValue(at, value, "value must be empty when `operator` is 'Exists'")
    }
  } else {
    const isComparison = operator === 'Lt' || operator === 'Gt'
    const supported = isComparison ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists']
    yield notSupported(at, operator, supported)
  }
}

const actions = ['DoNotSchedule', 'ScheduleAnyway']
const inclusionPolicies = ['Honor', 'Ignore']

export function* validateSpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
): Iterable<FieldError> {
  const list = listOf(constraints)
  for (const [index, constraint] of list.entries()) {
    const at = `${path}[${index}]`
    const { topologyKey, whenUnsatisfiable, minDomains } = constraint
    yield* validatePositive(constraint.maxSkew, `${at}.maxSkew`)
    if (textOf(topologyKey) === '') yield required(`${at}.topologyKey`, 'can not be empty')
    const action = textOf(whenUnsatisfiable)
    if (!actions.includes(action)) yield notSupported(`${at}.whenUnsatisfiable`, action, actions)
    const isRepeated = list
      .slice(index + 1)
      .some((one) => one.topologyKey === topologyKey && one.whenUnsatisfiable === whenUnsatisfiable)
    if (isRepeated) {
      const shown = `{${textOf(topologyKey)}, ${action}}`
      yield duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, shown)
    }
    if (!isMissing(minDomains)) {
      yield* validatePositive(minDomains, `${at}.minDomains`)
      if (action !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`
        yield invalidValue(`${at}.minDomains`, minDomains, why)
      }
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      yield* validateOneOf(constraint[field], `${at}.${field}`, { supported: inclusionPolicies })
    }
    yield* validateMatchLabelKeys(constraint, at)
    yield* validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`)
  }
}
