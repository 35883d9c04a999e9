// SPDX-License-Identifier: Apache-2.0
// Judges requests and limits.
import type { PodSpec, ResourceClaim, ResourceRequirements } from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { nanosOf, type Amounts } from '../canonical-quantity.ts'
import {
  isHugePages,
  isOvercommitAllowed,
  validateAmount,
  validateContainerResourceName,
  validateResourceName,
} from '../meta/resource-names.ts'
import { validateDnsLabel } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, mapOf, textOf } from '../read-json.ts'
import { aggregateOf, isPodLevelResource } from './pod-level-resources.ts'

type NameRule = (name: string, path: string) => Iterable<FieldError>

export function* validateContainerResources(
  resources: ResourceRequirements | undefined,
  path: string,
  claimNames: ReadonlySet<string>,
): Iterable<FieldError> {
  if (isMissing(resources)) return
  yield* validateRequirements(resources, path, validateContainerResourceName)
  if (resources.claims !== undefined) {
    yield* validateClaims(listOf(resources.claims), `${path}.claims`, claimNames)
  }
}

function* validateRequirements(
  resources: ResourceRequirements,
  path: string,
  nameRule: NameRule,
): Iterable<FieldError> {
  const limits = mapOf(resources.limits)
  const requests = mapOf(resources.requests)
  for (const name in limits) {
    const amount = limits[name] as string
    yield* nameRule(name, `${path}.limits[${name}]`)
    yield* validateAmount(name, amount, `${path}.limits[${name}]`)
    if (isHugePages(name)) yield* validatePages(name, amount, `${path}.limits[${name}]`)
  }
  for (const name in requests) {
    const amount = requests[name] as string
    yield* nameRule(name, `${path}.requests[${name}]`)
    yield* validateAmount(name, amount, `${path}.requests[${name}]`)
    yield* validateAgainstLimit(name, path, { amount, limit: limits[name] })
    if (isHugePages(name)) yield* validatePages(name, amount, `${path}.requests[${name}]`)
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  const isComputing = names.includes('cpu') || names.includes('memory')
  if (!isComputing && names.some(isHugePages)) {
    yield forbiddenField(path, 'HugePages require cpu or memory')
  }
}

function* validateAgainstLimit(
  name: string,
  path: string,
  { amount, limit }: { readonly amount: string; readonly limit: string | undefined },
): Iterable<FieldError> {
  if (limit === undefined) {
    if (!isOvercommitAllowed(name)) {
      yield required(`${path}.limits`, 'Limit must be set for non overcommitable resources')
    }
    return
  }
  if (amount === limit) return
  const [nanos, max] = [nanosOf(amount), nanosOf(limit)]
  if (nanos === undefined || max === undefined || nanos === max) return
  if (!isOvercommitAllowed(name)) {
    yield invalidValue(`${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`)
  } else if (nanos > max) {
    const why = `must be less than or equal to ${name} limit of ${limit}`
    yield invalidValue(`${path}.requests`, amount, why)
  }
}

function* validatePages(name: string, amount: string, path: string): Iterable<FieldError> {
  const size = nanosOf(name.slice('hugepages-'.length))
  const nanos = nanosOf(amount)
  const isMultiple = size !== undefined && size > 0n && nanos !== undefined && nanos % size === 0n
  if (!isMultiple) {
    yield invalidValue(path, amount, `${amount} is not positive integer multiple of ${name}`)
  }
}

function* validateClaims(
  claims: readonly ResourceClaim[],
  path: string,
  claimNames: ReadonlySet<string>,
): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, claim] of claims.entries()) {
    const at = `${path}[${index}]`
    const name = textOf(claim.name)
    const request = textOf(claim.request)
    if (name === '') {
      yield required(at)
      continue
    }
    if (seen.has(name)) yield duplicate(at, name)
    else {
      if (request !== '') yield* validateDnsLabel(request, `${at}.request`)
      const key = request === '' ? name : `${name}/${request}`
      if (seen.has(key)) yield duplicate(at, key)
      else if (request === '' && [...seen].some((one) => one.startsWith(`${name}/`))) {
        yield duplicate(at, name)
      }
      seen.add(key)
    }
    if (claimNames.has(name)) continue
    const rest =
      claimNames.size === 0 ? ' which is empty' : `: ${[...claimNames].sort().join(', ')}`
    const fault = notFoundValue(at, name)
    const message = `${fault.message}: must be one of the names in pod.spec.resourceClaims${rest}`
    yield { ...fault, message }
  }
}

/** Judges `spec.resources`, and whether the containers fit into it. */
export function* validatePodResources(spec: PodSpec, path: string): Iterable<FieldError> {
  const { resources } = spec
  if (!isRecord(resources)) return
  if (spec.os?.name === 'windows') {
    yield forbiddenField(path, 'may not be set for a windows pod')
    return
  }
  if (!isMissing(resources.claims)) {
    yield forbiddenField(`${path}.claims`, 'claims may not be set for Resources at pod-level')
  }
  yield* validateRequirements(resources, path, validatePodResourceName)
  yield* validateFit(spec, path)
}

function* validatePodResourceName(name: string, path: string): Iterable<FieldError> {
  const faults = [...validateResourceName(name, path)]
  yield* faults
  if (faults.length > 0 || isPodLevelResource(name)) return
  yield notSupported(path, name, ['cpu', 'hugepages-', 'memory'])
}

function* validateFit(spec: PodSpec, path: string): Iterable<FieldError> {
  const requests = mapOf(spec.resources?.requests)
  const limits = mapOf(spec.resources?.limits)
  for (const [name, amount] of overflows(aggregateOf(spec, 'requests'), requests)) {
    const why = `must be greater than or equal to aggregate container requests of ${amount}`
    yield invalidValue(`${path}.requests[${name}]`, requests[name], why)
  }
  for (const [name, amount] of overflows(aggregateOf(spec, 'limits'), limits)) {
    if (!isHugePages(name)) continue
    const why = `must be greater than or equal to aggregate container limits of ${amount}`
    yield invalidValue(`${path}.limits[${name}]`, limits[name], why)
  }
  for (const [index, container] of listOf(spec.containers).entries()) {
    for (const [name, amount] of overflows(mapOf(container.resources?.limits), limits)) {
      const why = `must be less than or equal to pod limits of ${limits[name]}`
      yield invalidValue(`${path}.containers[${index}][${name}].limits`, amount, why)
    }
  }
}

/** Amounts that are more than there is room for. */
function overflows(amounts: Amounts, room: Amounts): readonly (readonly [string, string])[] {
  return Object.entries(amounts).filter(([name, amount]) => {
    const [nanos, max] = [nanosOf(amount), nanosOf(room[name])]
    return nanos !== undefined && max !== undefined && nanos > max
  })
}
