// SPDX-License-Identifier: Apache-2.0
// Refuses what would use more than a ResourceQuota of the namespace allows. Usage is counted from what is
// stored at this moment, in the same turn as the write, so that no two requests share the last place.
import type { Container, Pod, ResourceQuota } from '../../kube/types.gen.ts'
import { compare } from '../../util/quantity.ts'
import { storedObjects } from '../auth/stored-object.ts'
import { qualifiedResource } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { amountsOf, describeAmounts, increase, only, sum } from './amounts.ts'
import { forbid } from './forbid.ts'
import { matchesQuota, quotaUsage, trackedNames, usageOf } from './quota-usage.ts'

/** A quota of these obliges every container of a pod to name them. */
const obliging = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  validate(request, context) {
    const { namespace, object, resource } = request
    if (!object || namespace === '' || !isCounted(request)) return
    const kind = qualifiedResource(resource)
    for (const quota of storedObjects<ResourceQuota>(context.store, 'resourcequotas', namespace)) {
      if (matchesQuota(quota, kind, object)) checkQuota(quota, { request, object, kind, context })
    }
  },
}

interface Charge {
  readonly request: AdmissionRequest
  readonly object: KubeObject
  readonly kind: string
  readonly context: AdmissionContext
}

/** Which writes change what is used. */
function isCounted({ object, old, operation, resource, subresource }: AdmissionRequest): boolean {
  if (operation === 'CREATE') return subresource === ''
  if (operation !== 'UPDATE' || resource.group !== '') return false
  if (resource.plural === 'pods') {
    if (subresource === 'resize') return true
    return subresource === '' && hasDeadline(object) !== hasDeadline(old)
  }
  return subresource === '' && ['services', 'persistentvolumeclaims'].includes(resource.plural)
}

function hasDeadline(object: KubeObject | undefined): boolean {
  return ((object as unknown as Pod | undefined)?.spec?.activeDeadlineSeconds ?? -1) >= 0
}

function checkQuota(quota: ResourceQuota, { context, kind, object, request }: Charge): void {
  const { name = '' } = quota.metadata as { readonly name?: string }
  const hard = amountsOf(quota.spec?.hard)
  const names = trackedNames(kind, [...hard.keys()])
  if (kind === 'pods') {
    const missing = missingResources(object as unknown as Pod, names)
    if (missing !== undefined) throw forbid(request, `failed quota: ${name}: ${missing}`)
  }
  const { nowMs, store } = context
  const now = only(usageOf(kind, object, nowMs), names)
  const isCharged = request.old && matchesQuota(quota, kind, request.old)
  const before = isCharged && request.old ? usageOf(kind, request.old, nowMs) : new Map()
  const requested = increase(now, before)
  if (requested.size === 0) return
  const used = quotaUsage(quota, { store, nowMs })
  const total = sum(only(used, [...requested.keys()]), requested)
  const exceeded = [...total].flatMap(([one, amount]) => {
    const bound = hard.get(one)
    return bound && compare(amount, bound) > 0 ? [one] : []
  })
  if (exceeded.length === 0) return
  const [wanted, taken, limited] = [requested, used, hard].map((amounts) =>
    describeAmounts(only(amounts, exceeded)),
  )
  const why = `exceeded quota: ${name}, requested: ${wanted}, used: ${taken}, limited: ${limited}`
  throw forbid(request, why)
}

function missingResources({ spec }: Pod, names: readonly string[]): string | undefined {
  const podLevel = { ...spec?.resources?.requests, ...spec?.resources?.limits }
  if (['cpu', 'memory'].some((resource) => resource in podLevel)) return undefined
  const required = obliging.filter((resource) => names.includes(resource)).sort()
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const faults = required.flatMap((resource) => {
    const lacking = containers.filter((container) => !namesResource(container, resource))
    const list = [...new Set(lacking.map(({ name }) => name))].sort().join(',')
    return lacking.length === 0 ? [] : [`${resource} for: ${list}`]
  })
  return faults.length === 0 ? undefined : `must specify ${faults.join('; ')}`
}

function namesResource({ resources }: Container, quotaName: string): boolean {
  const [kind, name] = quotaName.includes('.') ? quotaName.split('.', 2) : ['requests', quotaName]
  const list = kind === 'limits' ? resources?.limits : resources?.requests
  return list?.[name ?? ''] !== undefined
}
