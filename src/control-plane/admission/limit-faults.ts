// SPDX-License-Identifier: Apache-2.0
// Compares what a container, pod or claim asks for with one line of a LimitRange, in the API's words.
import type { LimitRangeItem } from '../../kube/types.gen.ts'
import type { Quantity } from '../../util/quantity.ts'
import { compare, format } from '../../util/quantity.ts'
import type { Amounts } from './amounts.ts'
import { amountsOf } from './amounts.ts'

/** What is asked for. */
export interface ResourceUsage {
  readonly requests: Amounts
  readonly limits: Amounts
}

/** The sentences that refuse it; empty when all is within the limits. */
export function limitFaults(
  item: LimitRangeItem,
  usage: ResourceUsage,
  { hasRequestsOnly = false }: { readonly hasRequestsOnly?: boolean } = {},
): readonly string[] {
  const each = (
    list: Readonly<Record<string, string>> | undefined,
    check: (name: string, bound: Quantity) => string | undefined,
  ) =>
    [...amountsOf(list)].flatMap(([name, bound]) => {
      const fault = check(name, bound)
      return fault === undefined ? [] : [fault]
    })
  const { type } = item
  const faults = [
    ...each(item.min, (name, bound) =>
      minimumFault(
        `minimum ${name} usage per ${type} is ${format(bound)}`,
        bound,
        asked(usage, name),
      ),
    ),
    ...each(item.max, (name, bound) => {
      const rule = `maximum ${name} usage per ${type} is ${format(bound)}`
      const wanted = asked(usage, name)
      return hasRequestsOnly ? requestFault(rule, bound, wanted) : maximumFault(rule, bound, wanted)
    }),
  ]
  if (hasRequestsOnly) return faults
  const ratios = each(item.maxLimitRequestRatio, (name, bound) => {
    const rule = `${name} max limit to request ratio per ${type} is ${format(bound)}`
    return ratioFault(rule, bound, asked(usage, name))
  })
  return [...faults, ...ratios]
}

interface Asked {
  readonly request: Quantity | undefined
  readonly limit: Quantity | undefined
}

function asked({ limits, requests }: ResourceUsage, name: string): Asked {
  return { request: requests.get(name), limit: limits.get(name) }
}

function minimumFault(rule: string, bound: Quantity, { limit, request }: Asked) {
  if (!request) return `${rule}.  No request is specified`
  if (compare(request, bound) < 0) return `${rule}, but request is ${format(request)}`
  if (limit && compare(limit, bound) < 0) return `${rule}, but limit is ${format(limit)}`
  return undefined
}

function maximumFault(rule: string, bound: Quantity, { limit, request }: Asked) {
  if (!limit) return `${rule}.  No limit is specified`
  if (compare(limit, bound) > 0) return `${rule}, but limit is ${format(limit)}`
  if (request && compare(request, bound) > 0) return `${rule}, but request is ${format(request)}`
  return undefined
}

function requestFault(rule: string, bound: Quantity, { request }: Asked) {
  if (!request) return `${rule}.  No request is specified`
  if (compare(request, bound) > 0) return `${rule}, but request is ${format(request)}`
  return undefined
}

function ratioFault(rule: string, bound: Quantity, { limit, request }: Asked) {
  if (!request || request.nanos === 0n) {
    return `${rule}, but no request is specified or request is 0`
  }
  if (!limit || limit.nanos === 0n) return `${rule}, but no limit is specified or limit is 0`
  if (limit.nanos * 1_000_000_000n <= bound.nanos * request.nanos) return undefined
  const ratio = Number((limit.nanos * 1_000_000n) / request.nanos) / 1_000_000
  return `${rule}, but provided ratio is ${ratio.toFixed(6)}`
}
