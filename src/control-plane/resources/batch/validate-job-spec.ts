// SPDX-License-Identifier: Apache-2.0
// Judges what a Job is asked to do, in a Job or in the template of a CronJob.
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  invalidField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  type FieldError,
} from '../../objects/field-error.ts'
import { dnsSubdomainFaults, qualifiedNameFaults } from '../meta/name-rules.ts'
import { validateNonNegative } from '../meta/validate-values.ts'
import { validatePodTemplate } from '../pods/validate-pod-spec.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { countIndexes } from './job-indexes.ts'

const counters = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const

export function* validateJobSpec(spec: JobSpec, path: string): Iterable<FieldError> {
  for (const field of counters) yield* validateNonNegative(spec[field], `${path}.${field}`)
  if (!isMissing(spec.maxFailedIndexes) && isMissing(spec.backoffLimitPerIndex)) {
    yield required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')
  }
  if (!isMissing(spec.managedBy)) yield* validateManager(spec.managedBy, `${path}.managedBy`)
  yield* validateCompletionMode(spec, path)
  const { podFailurePolicy, podReplacementPolicy, successPolicy } = spec
  if (!isMissing(podFailurePolicy)) {
    yield* validateFailurePolicy(spec, `${path}.podFailurePolicy.rules`)
  }
  if (!isMissing(successPolicy)) {
    const at = `${path}.successPolicy`
    if (spec.completionMode === 'Indexed') yield* validateSuccessPolicy(spec, `${at}.rules`)
    else yield invalidValue(at, internalForm(spec), 'requires indexed completion mode')
  }
  const policies = isMissing(podFailurePolicy) ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  if (!isMissing(podReplacementPolicy) && !policies.includes(podReplacementPolicy)) {
    yield notSupported(`${path}.podReplacementPolicy`, podReplacementPolicy, policies)
  }
  yield* validatePodTemplate(spec.template ?? {}, `${path}.template`)
  yield* validateRestartPolicy(spec, `${path}.template.spec.restartPolicy`)
}

function* validateRestartPolicy(spec: JobSpec, path: string): Iterable<FieldError> {
  const policy = textOf(spec.template?.spec?.restartPolicy)
  if (policy === 'Always' || policy === '') {
    yield required(path, 'valid values: "OnFailure", "Never"')
  } else if (policy !== 'OnFailure' && policy !== 'Never') {
    yield notSupported(path, policy, ['OnFailure', 'Never'])
  } else if (!isMissing(spec.podFailurePolicy) && policy !== 'Never') {
    const why = 'only "Never" is supported when podFailurePolicy is specified'
    yield invalidValue(path, policy, why)
  }
}

/** A domain and a path below it. */
function* validateManager(manager: string, path: string): Iterable<FieldError> {
  const slash = manager.indexOf('/')
  if (manager === '') yield required(path)
  else if (slash <= 0 || slash === manager.length - 1) {
    yield invalidValue(path, manager, 'must be a domain-prefixed path (such as "acme.io/foo")')
  } else {
    const host = manager.slice(0, slash)
    for (const fault of dnsSubdomainFaults(host)) yield invalidValue(path, host, fault)
  }
  if (manager.length > 63) yield tooLong(path, 63)
}

const manyCompletions = 100_000
const atMany = 10_000

function* validateCompletionMode(spec: JobSpec, path: string): Iterable<FieldError> {
  const { backoffLimitPerIndex, completionMode = 'NonIndexed', maxFailedIndexes } = spec
  if (completionMode !== 'NonIndexed' && completionMode !== 'Indexed') {
    yield notSupported(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed'])
  }
  if (completionMode === 'NonIndexed') {
    const why = 'requires indexed completion mode'
    if (!isMissing(backoffLimitPerIndex)) {
      yield invalidValue(`${path}.backoffLimitPerIndex`, backoffLimitPerIndex, why)
    }
    if (!isMissing(maxFailedIndexes)) {
      yield invalidValue(`${path}.maxFailedIndexes`, maxFailedIndexes, why)
    }
  }
  if (completionMode === 'Indexed') yield* validateIndexed(spec, path)
}

function* validateIndexed(spec: JobSpec, path: string): Iterable<FieldError> {
  const { completions, maxFailedIndexes, parallelism = 0 } = spec
  if (isMissing(completions)) {
    yield required(`${path}.completions`, 'when completion mode is Indexed')
  }
  if (parallelism > manyCompletions) {
    const why = `must be less than or equal to ${manyCompletions} when completion mode is Indexed`
    yield invalidValue(`${path}.parallelism`, parallelism, why)
  }
  const failed = maxFailedIndexes ?? 0
  if (!isMissing(completions) && failed > completions) {
    const why = 'must be less than or equal to completions'
    yield invalidValue(`${path}.maxFailedIndexes`, failed, why)
  }
  if (failed > manyCompletions) {
    const why = `must be less than or equal to ${manyCompletions}`
    yield invalidValue(`${path}.maxFailedIndexes`, failed, why)
  }
  if ((completions ?? 0) <= manyCompletions || isMissing(spec.backoffLimitPerIndex)) return
  if (isMissing(maxFailedIndexes)) {
    const why = `must be specified when completions is above ${manyCompletions}`
    yield required(`${path}.maxFailedIndexes`, why)
  }
  const why = `must be less than or equal to ${atMany} when completions are above ${manyCompletions} and used with backoff limit per index`
  if (parallelism > atMany) yield invalidValue(`${path}.parallelism`, parallelism, why)
  if (failed > atMany) yield invalidValue(`${path}.maxFailedIndexes`, failed, why)
}

const maxRules = 20
const failureActions = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const exitOperators = ['In', 'NotIn']
const conditionStatuses = ['False', 'True', 'Unknown']

/** The list as the API server shows it. */
function values(list: readonly string[]): string {
  return `valid values: [${list.map((one) => JSON.stringify(one)).join(' ')}]`
}

function* validateFailurePolicy(spec: JobSpec, path: string): Iterable<FieldError> {
  const rules = listOf(spec.podFailurePolicy?.rules)
  if (rules.length > maxRules) yield tooMany(path, rules.length, maxRules)
  const podSpec = spec.template?.spec
  const containers = [...listOf(podSpec?.containers), ...listOf(podSpec?.initContainers)]
  const names = new Set(containers.map(({ name }) => name))
  for (const [index, rule] of rules.entries()) {
    const at = `${path}[${index}]`
    yield* validateFailureAction(spec, textOf(rule.action), `${at}.action`)
    if (!isMissing(rule.onExitCodes)) {
      yield* validateExitCodes(rule.onExitCodes, `${at}.onExitCodes`, names)
    }
    yield* validateConditions(rule, `${at}.onPodConditions`)
    const hasConditions = listOf(rule.onPodConditions).length > 0
    if (!isMissing(rule.onExitCodes) && hasConditions) {
      yield invalidField(at, 'specifying both OnExitCodes and OnPodConditions is not supported')
    }
    if (isMissing(rule.onExitCodes) && !hasConditions) {
      yield invalidField(at, 'specifying one of OnExitCodes and OnPodConditions is required')
    }
  }
}

function* validateFailureAction(spec: JobSpec, action: string, path: string): Iterable<FieldError> {
  if (action === '') yield required(path, values(failureActions))
  else if (!failureActions.includes(action)) yield notSupported(path, action, failureActions)
  else if (action === 'FailIndex' && isMissing(spec.backoffLimitPerIndex)) {
    yield invalidValue(path, action, 'requires the backoffLimitPerIndex to be set')
  }
}

function* validateConditions(rule: PodFailurePolicyRule, path: string): Iterable<FieldError> {
  const patterns = listOf(rule.onPodConditions)
  if (patterns.length > maxRules) yield tooMany(path, patterns.length, maxRules)
  for (const [index, pattern] of patterns.entries()) {
    const at = `${path}[${index}]`
    const type = textOf(pattern.type)
    for (const fault of qualifiedNameFaults(type)) yield invalidValue(`${at}.type`, type, fault)
    const status = textOf(pattern.status)
    if (status === '') yield required(`${at}.status`, values(conditionStatuses))
    else if (!conditionStatuses.includes(status)) {
      yield notSupported(`${at}.status`, status, conditionStatuses)
    }
  }
}

function* validateExitCodes(
  rule: PodFailurePolicyOnExitCodesRequirement,
  path: string,
  containers: ReadonlySet<string>,
): Iterable<FieldError> {
  const operator = textOf(rule.operator)
  if (operator === '') yield required(`${path}.operator`, values(exitOperators))
  else if (!exitOperators.includes(operator)) {
    yield notSupported(`${path}.operator`, operator, exitOperators)
  }
  const container = rule.containerName
  if (!isMissing(container) && !containers.has(container)) {
    const why = 'must be one of the container or initContainer names in the pod template'
    yield invalidValue(`${path}.containerName`, container, why)
  }
  const codes = listOf(rule.values)
  if (codes.length === 0) {
    yield invalidValue(`${path}.values`, rule.values ?? null, 'at least one value is required')
  } else if (codes.length > 255) yield tooMany(`${path}.values`, codes.length, 255)
  for (const [index, code] of codes.entries()) {
    const at = `${path}.values[${index}]`
    if (operator === 'In' && code === 0) {
      yield invalidValue(at, code, 'must not be 0 for the In operator')
    }
    if (codes.indexOf(code) < index) yield duplicate(at, code)
  }
  const isOrdered = codes.every((code, index) => index === 0 || (codes[index - 1] ?? 0) <= code)
  if (!isOrdered) yield invalidValue(`${path}.values`, codes, 'must be ordered')
}

function* validateSuccessPolicy(spec: JobSpec, path: string): Iterable<FieldError> {
  const rules = listOf(spec.successPolicy?.rules)
  if (rules.length === 0) {
    const why = 'at least one rules must be specified when the successPolicy is specified'
    yield required(path, why)
  }
  if (rules.length > maxRules) yield tooMany(path, rules.length, maxRules)
  for (const [index, rule] of rules.entries()) {
    yield* validateSuccessRule(rule, `${path}[${index}]`, spec.completions ?? 0)
  }
}

function* validateSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  path: string,
  completions: number,
): Iterable<FieldError> {
  if (isMissing(succeededCount) && isMissing(succeededIndexes)) {
    yield required(path, 'at least one of succeededCount or succeededIndexes must be specified')
  }
  const indexes = isMissing(succeededIndexes) ? 0 : countIndexes(succeededIndexes, completions)
  if (typeof indexes === 'string') {
    const why = `error parsing succeededIndexes: ${indexes}`
    yield invalidValue(`${path}.succeededIndexes`, succeededIndexes, why)
  }
  if (isMissing(succeededCount)) return
  const at = `${path}.succeededCount`
  yield* validateNonNegative(succeededCount, at)
  const most = `must be less than or equal to`
  if (succeededCount > completions) {
    const why = `${most} ${completions} (the number of specified completions)`
    yield invalidValue(at, succeededCount, why)
  }
  const total = typeof indexes === 'string' ? 0 : indexes
  if (!isMissing(succeededIndexes) && succeededCount > total) {
    const why = `${most} ${total} (the number of indexes in the specified succeededIndexes field)`
    yield invalidValue(at, succeededCount, why)
  }
}

/** Messages show the policy with the names that the API server has inside. */
function internalForm({ successPolicy }: JobSpec): unknown {
  const rules = listOf(successPolicy?.rules).map((rule) => ({
    SucceededIndexes: rule.succeededIndexes ?? null,
    SucceededCount: rule.succeededCount ?? null,
  }))
  return { Rules: rules }
}
