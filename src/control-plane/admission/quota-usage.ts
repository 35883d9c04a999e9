// SPDX-License-Identifier: Apache-2.0
// What objects use of a ResourceQuota: how many there are of a kind, and what pods and claims ask for.
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../kube/types.gen.ts'
import type { Quantity } from '../../util/quantity.ts'
import { add, parseQuantity, wholeUnits, zero } from '../../util/quantity.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { Store } from '../storage/store.ts'
import type { Amounts } from './amounts.ts'
import { noAmounts, sum } from './amounts.ts'
import { podResourcesWithOverhead } from './pod-resources.ts'
import { hasScopes, isInScopes } from './quota-scopes.ts'

const one = parseQuantity('1')
const computeNames = ['cpu', 'memory', 'ephemeral-storage']
const storageClassSuffix = '.storageclass.storage.k8s.io/'

/** Kinds whose number is also counted under their plain name. */
const plainCounts: readonly string[] = [
  'configmaps',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
]

/** Names of a quota's `hard` that are about objects of this kind (its name in storage). */
export function trackedNames(kind: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => name === `count/${kind}` || isTracked(kind, name))
}

/** Whether the quota counts the object at all. */
export function matchesQuota(quota: ResourceQuota, kind: string, object: KubeObject): boolean {
  if (trackedNames(kind, Object.keys(quota.spec?.hard ?? {})).length === 0) return false
  return !hasScopes(quota) || isWithin(quota, kind, object)
}

/** Scopes are about pods only. */
function isWithin(quota: ResourceQuota, kind: string, object: KubeObject): boolean {
  return kind === 'pods' && isInScopes(quota, object as unknown as Pod)
}

/** What one object uses, under every name that a quota may have for it. */
export function usageOf(kind: string, object: KubeObject, nowMs: number): Amounts {
  const known = usages.get(object)
  if (known) return known
  const usage = countedUsage(kind, object, nowMs)
  // What is being deleted uses less with time.
  if (object.metadata.deletionTimestamp === undefined) usages.set(object, usage)
  return usage
}

/** What the namespace uses of the quota now, for each name of its `hard`. */
export function quotaUsage(
  quota: ResourceQuota,
  { nowMs, store }: { readonly store: Store; readonly nowMs: number },
): Amounts {
  const names = Object.keys(quota.spec?.hard ?? {})
  const used = new Map(names.map((name) => [name, zero]))
  const isScoped = hasScopes(quota)
  for (const kind of kindsOf(names)) {
    const tracked = trackedNames(kind, names)
    for (const { object } of store.list(kind, quota.metadata.namespace ?? '').items) {
      if (isScoped && !isWithin(quota, kind, object)) continue
      const usage = usageOf(kind, object, nowMs)
      for (const name of tracked) {
        const amount = usage.get(name)
        if (amount) used.set(name, add(used.get(name) ?? zero, amount))
      }
    }
  }
  return used
}

/** Objects never change, so neither does what they use; a namespace is counted at every write. */
const usages = new WeakMap<KubeObject, Amounts>()

function countedUsage(kind: string, object: KubeObject, nowMs: number): Amounts {
  const count = new Map([[`count/${kind}`, one]])
  switch (kind) {
    case 'pods':
      return sum(count, podUsage(object as unknown as Pod, nowMs))
    case 'services':
      return sum(count, serviceUsage(object as unknown as Service))
    case 'persistentvolumeclaims':
      return sum(count, claimUsage(object as unknown as PersistentVolumeClaim))
    default:
      return plainCounts.includes(kind) ? sum(count, new Map([[kind, one]])) : count
  }
}

function kindsOf(names: readonly string[]): readonly string[] {
  const special = ['pods', 'services', 'persistentvolumeclaims', ...plainCounts]
  const counted = names.flatMap((name) => (name.startsWith('count/') ? [name.slice(6)] : []))
  return [
    ...new Set([...special.filter((kind) => trackedNames(kind, names).length > 0), ...counted]),
  ]
}

function isTracked(kind: string, name: string): boolean {
  switch (kind) {
    case 'pods':
      return (
        name === 'pods' ||
        name.startsWith('hugepages-') ||
        name.startsWith('requests.hugepages-') ||
        computeNames.some((base) => [base, `requests.${base}`, `limits.${base}`].includes(name)) ||
        (name.startsWith('requests.') && isExtended(name.slice('requests.'.length)))
      )
    case 'services':
      return ['services', 'services.loadbalancers', 'services.nodeports'].includes(name)
    case 'persistentvolumeclaims':
      return ['persistentvolumeclaims', 'requests.storage'].some(
        (base) => name === base || name.endsWith(`${storageClassSuffix}${base}`),
      )
    default:
      return plainCounts.includes(kind) && name === kind
  }
}

function isExtended(name: string): boolean {
  const [domain = '', rest] = name.split('/', 2)
  return rest !== undefined && domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io')
}

/** Ended pods, and those that should long be gone, use nothing but their place in storage. */
function podUsage(pod: Pod, nowMs: number): Amounts {
  const { metadata, spec, status } = pod
  const { deletionGracePeriodSeconds, deletionTimestamp } = metadata
  const isLate =
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds !== undefined &&
    nowMs > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000
  if (!spec || isLate || status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    return noAmounts
  }
  const usage = new Map<string, Quantity>([['pods', one]])
  for (const [name, amount] of podResourcesWithOverhead(spec, 'requests')) {
    const isPlain = computeNames.includes(name) || name.startsWith('hugepages-')
    if (isPlain) usage.set(name, amount)
    if (isPlain || isExtended(name)) usage.set(`requests.${name}`, amount)
  }
  for (const [name, amount] of podResourcesWithOverhead(spec, 'limits')) {
    if (computeNames.includes(name)) usage.set(`limits.${name}`, amount)
  }
  return usage
}

function serviceUsage({ spec }: Service): Amounts {
  const { allocateLoadBalancerNodePorts: allocates, ports = [], type } = spec ?? {}
  const isBalanced = type === 'LoadBalancer'
  const withPort = ports.filter(({ nodePort }) => (nodePort ?? 0) !== 0).length
  const all = isBalanced && allocates === false ? withPort : ports.length
  const nodePorts = type === 'NodePort' || isBalanced ? all : 0
  return new Map([
    ['services', one],
    ['services.loadbalancers', isBalanced ? one : zero],
    ['services.nodeports', parseQuantity(String(nodePorts))],
  ])
}

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Amounts {
  const usage = new Map([['persistentvolumeclaims', one]])
  const storageClass =
    metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ??
    spec?.storageClassName ??
    ''
  const sizes = [spec?.resources?.requests?.['storage'], status?.allocatedResources?.['storage']]
    .filter((text) => text !== undefined)
    .map((text) => parseQuantity(text))
  const [asked, given] = sizes
  const size = given && asked && given.nanos > asked.nanos ? given : asked
  if (size) usage.set('requests.storage', wholeBytes(size))
  if (storageClass === '') return usage
  return new Map([
    ...usage,
    ...[...usage].map(
      ([name, amount]) => [`${storageClass}${storageClassSuffix}${name}`, amount] as const,
    ),
  ])
}

function wholeBytes(size: Quantity): Quantity {
  return { ...size, nanos: wholeUnits(size) * 1_000_000_000n }
}
