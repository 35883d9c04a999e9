// SPDX-License-Identifier: Apache-2.0
// ResourceQuotas and LimitRanges: what a namespace may use, and how much one of its objects.
import type {
  LimitRange,
  LimitRangeItem,
  ResourceQuota,
  ResourceQuotaSpec,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { asKind } from '../as-kind.ts'
import { canonicalAmounts, nanosOf, type Amounts } from '../canonical-quantity.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import {
  isOvercommitAllowed,
  isQuotaResource,
  validateAmount,
  validateContainerResourceName,
  validateResourceName,
} from '../meta/resource-names.ts'
import { isImmutable } from '../meta/validate-values.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { mapItems, withField } from '../share-structure.ts'
import { withSpec } from '../with-spec.ts'

export const resourceQuotaStrategy: Strategy = genericStrategy({
  newStatus: {},
  applyDefaults: (object) =>
    withSpec<ResourceQuotaSpec>(object, (spec) =>
      withField(spec, 'hard', canonicalAmounts(spec.hard)),
    ),
  validate: (object) => validateQuota(asKind<ResourceQuota>(object).spec ?? {}),
  validateUpdate: function* (next, old, subresource) {
    const { status } = asKind<ResourceQuota>(next)
    const spec = asKind<ResourceQuota>(next).spec ?? {}
    if (subresource === 'status') {
      yield* validateAmounts(mapOf(status?.hard), 'status.hard')
      yield* validateAmounts(mapOf(status?.used), 'status.used')
      return
    }
    yield* validateQuota(spec)
    const before = new Set(listOf(asKind<ResourceQuota>(old).spec?.scopes))
    const after = new Set(listOf(spec.scopes))
    const isSame = before.size === after.size && [...after].every((scope) => before.has(scope))
    if (!isSame) yield invalidValue('spec.scopes', spec.scopes ?? null, isImmutable)
  },
})

function* validateAmounts(amounts: Amounts, path: string): Iterable<FieldError> {
  for (const name in amounts) {
    const at = `${path}[${name}]`
    yield* validateResourceName(name, at)
    if (!name.includes('/') && !isQuotaResource(name)) {
      yield invalidValue(at, name, 'must be a standard resource for quota')
    }
    yield* validateAmount(name, amounts[name] as string, at)
  }
}

const computing = [
  'cpu',
  'memory',
  'limits.cpu',
  'limits.memory',
  'requests.cpu',
  'requests.memory',
]
const podResources: readonly string[] = ['pods', ...computing]

/** What each scope can be applied to. */
const scopes: Readonly<Record<string, readonly string[]>> = {
  Terminating: podResources,
  NotTerminating: podResources,
  BestEffort: ['pods'],
  NotBestEffort: podResources,
  PriorityClass: podResources,
  CrossNamespacePodAffinity: podResources,
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
}

function* validateQuota(spec: ResourceQuotaSpec): Iterable<FieldError> {
  yield* validateAmounts(mapOf(spec.hard), 'spec.hard')
  const list = listOf(spec.scopes)
  const unfit = (scope: string): readonly string[] =>
    Object.keys(mapOf(spec.hard)).filter(
      (name) => isQuotaResource(name) && scopes[scope]?.includes(name) === false,
    )
  for (const scope of list) {
    if (scopes[scope] === undefined) yield invalidValue('spec.scopes', list, 'unsupported scope')
    for (const _ of unfit(scope)) {
      yield invalidValue('spec.scopes', list, 'unsupported scope applied to resource')
    }
  }
  const isTorn = (one: string, other: string): boolean => list.includes(one) && list.includes(other)
  if (isTorn('BestEffort', 'NotBestEffort') || isTorn('Terminating', 'NotTerminating')) {
    yield invalidValue('spec.scopes', list, 'conflicting scopes')
  }
  yield* validateScopeSelector(spec, unfit)
}

const onlyExists =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

function* validateScopeSelector(
  spec: ResourceQuotaSpec,
  unfit: (scope: string) => readonly string[],
): Iterable<FieldError> {
  const path = 'spec.scopeSelector.matchExpressions'
  for (const { scopeName, operator, values } of listOf(spec.scopeSelector?.matchExpressions)) {
    if (scopes[scopeName] === undefined) {
      yield invalidValue(`${path}.scopeName`, textOf(scopeName), 'unsupported scope')
    }
    for (const _ of unfit(scopeName)) {
      yield invalidValue(path, internalForm(spec), 'unsupported scope applied to resource')
    }
    const hasValues = scopeName === 'PriorityClass' || scopeName === 'VolumeAttributesClass'
    if (!hasValues && scopes[scopeName] !== undefined && operator !== 'Exists') {
      yield invalidValue(`${path}.operator`, textOf(operator), onlyExists)
    }
    const count = listOf(values).length
    if (operator === 'In' || operator === 'NotIn') {
      if (count > 0) continue
      const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
      yield required(`${path}.values`, why)
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (count === 0) continue
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
      yield invalidValue(`${path}.values`, values, why)
    } else {
      const why = 'not a valid selector operator'
      yield invalidValue(`${path}.operator`, textOf(operator), why)
    }
  }
}

/** Messages show the selector with the names that the API server has inside. */
function internalForm({ scopeSelector }: ResourceQuotaSpec): unknown {
  const expressions = listOf(scopeSelector?.matchExpressions)
  return {
    MatchExpressions: expressions.map(({ scopeName, operator, values }) => ({
      ScopeName: textOf(scopeName),
      Operator: textOf(operator),
      Values: values ?? null,
    })),
  }
}

export const limitRangeStrategy: Strategy = genericStrategy({
  allowsCreateOnUpdate: true,
  applyDefaults: (object) =>
    withSpec<NonNullable<LimitRange['spec']>>(object, (spec) =>
      withField(spec, 'limits', mapItems(spec.limits ?? [], defaultLimit)),
    ),
  validate: (object) => validateLimits(listOf(asKind<LimitRange>(object).spec?.limits)),
  validateUpdate: (next) => validateLimits(listOf(asKind<LimitRange>(next).spec?.limits)),
})

const sides = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const

/** For containers the maximum is the default limit, and that (or the minimum) the default request. */
function defaultLimit(limit: LimitRangeItem): LimitRangeItem {
  let result = limit
  for (const side of sides) result = withField(result, side, canonicalAmounts(result[side]))
  if (limit.type !== 'Container') return result
  const limits = { ...result.max, ...result.default }
  const requests = { ...result.min, ...limits, ...result.defaultRequest }
  if (Object.keys(limits).length > 0) result = withAmounts(result, 'default', limits)
  if (Object.keys(requests).length === 0) return result
  return withAmounts(result, 'defaultRequest', requests)
}

function withAmounts(
  limit: LimitRangeItem,
  side: 'default' | 'defaultRequest',
  amounts: Amounts,
): LimitRangeItem {
  const isSame = Object.keys(amounts).length === Object.keys(limit[side] ?? {}).length
  return isSame ? limit : { ...limit, [side]: amounts }
}

const limitTypes = ['Container', 'PersistentVolumeClaim', 'Pod']

function* validateLimits(limits: readonly LimitRangeItem[]): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, limit] of limits.entries()) {
    const path = `spec.limits[${index}]`
    const type = textOf(limit.type)
    const faults = qualifiedNameFaults(type)
    for (const fault of faults) yield invalidValue(`${path}.type`, type, fault)
    if (faults.length === 0 && !type.includes('/') && !limitTypes.includes(type)) {
      const why = 'must be a standard limit type or fully qualified'
      yield invalidValue(`${path}.type`, type, why)
    }
    if (seen.has(type)) yield duplicate(`${path}.type`, type)
    seen.add(type)
    yield* validateSides(limit, path)
    const { default: _d, defaultRequest: _r, ...ofPod } = limit
    const judged: LimitRangeItem = type === 'Pod' ? ofPod : limit
    const names = new Set(sides.flatMap((side) => Object.keys(mapOf(judged[side]))))
    for (const name of names) yield* validateOrder(judged, name, path)
  }
}

function* validateSides(limit: LimitRangeItem, path: string): Iterable<FieldError> {
  const isPod = limit.type === 'Pod'
  const rule =
    isPod || limit.type === 'Container' ? validateContainerResourceName : validateResourceName
  for (const side of sides) {
    const amounts = mapOf(limit[side])
    if (isPod && (side === 'default' || side === 'defaultRequest')) {
      if (Object.keys(amounts).length === 0) continue
      yield forbiddenField(`${path}.${side}`, "may not be specified when `type` is 'Pod'")
      continue
    }
    for (const name in amounts) yield* rule(name, `${path}.${side}[${name}]`)
  }
  const hasStorage = [limit.min, limit.max].some((side) => mapOf(side)['storage'] !== undefined)
  if (limit.type === 'PersistentVolumeClaim' && !hasStorage) {
    const why = 'either minimum or maximum storage value is required, but neither was provided'
    yield required(`${path}.limits`, why)
  }
}

type Side = (typeof sides)[number]

/** Which amount may not be above which; the fault is that of `at`, and `shown` is what it shows. */
const orders: readonly {
  readonly less: Side
  readonly more: Side
  readonly at: Side
  readonly shown: Side
  readonly words: readonly [string, string]
}[] = [
  { less: 'min', more: 'max', at: 'min', shown: 'min', words: ['min', 'max'] },
  {
    less: 'min',
    more: 'defaultRequest',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['min', 'default request'],
  },
  {
    less: 'defaultRequest',
    more: 'max',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['default request', 'max'],
  },
  {
    less: 'defaultRequest',
    more: 'default',
    at: 'defaultRequest',
    shown: 'defaultRequest',
    words: ['default request', 'default limit'],
  },
  { less: 'min', more: 'default', at: 'default', shown: 'min', words: ['min', 'default'] },
  { less: 'default', more: 'max', at: 'default', shown: 'max', words: ['default', 'max'] },
]

function* validateOrder(limit: LimitRangeItem, name: string, path: string): Iterable<FieldError> {
  for (const { less, more, at, shown, words } of orders) {
    const [low, high] = [limit[less]?.[name], limit[more]?.[name]]
    const [lowNanos, highNanos] = [nanosOf(low), nanosOf(high)]
    if (lowNanos === undefined || highNanos === undefined || lowNanos <= highNanos) continue
    const why = `${words[0]} value ${low} is greater than ${words[1]} value ${high}`
    yield invalidValue(`${path}.${at}[${name}]`, limit[shown]?.[name], why)
  }
  const ratio = limit.maxLimitRequestRatio?.[name]
  const ratioNanos = nanosOf(ratio)
  if (ratioNanos !== undefined && ratioNanos < 1_000_000_000n) {
    const why = `ratio ${ratio} is less than 1`
    yield invalidValue(`${path}.maxLimitRequestRatio[${name}]`, ratio, why)
  }
  const [request, standard] = [limit.defaultRequest?.[name], limit.default?.[name]]
  if (isOvercommitAllowed(name) || isMissing(request) || isMissing(standard)) return
  if (request === standard) return
  const why = `default value ${standard} must equal to defaultRequest value ${request} in ${name}`
  yield invalidValue(`${path}.defaultRequest[${name}]`, request, why)
}
