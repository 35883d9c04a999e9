// SPDX-License-Identifier: Apache-2.0
// What one object costs of a quota, by the names that quotas use: `pods`, `requests.cpu`,
// `services.nodeports`, `count/jobs.batch`.
import type { Resource } from '../../../kube/resources.ts'
import type { PersistentVolumeClaim, Pod, Service } from '../../../kube/types.gen.ts'
import { ceilDivide, parseQuantity } from '../../../util/quantity.ts'
import type { Quantity } from '../../../util/quantity.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import { msOf } from '../workload/api-time.ts'
import { isPodTerminal } from '../workload/pod-facts.ts'
import { podSums } from './pod-sums.ts'
import type { Sums } from './pod-sums.ts'

const one: Quantity = parseQuantity('1')
const standardNames = ['cpu', 'memory', 'ephemeral-storage']
const plainlyCounted = new Set([
  'configmaps',
  'secrets',
  'resourcequotas',
  'replicationcontrollers',
])

/** The name under which objects of a kind are counted. */
export function countName({ apiVersion, plural }: Resource<unknown>): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  return group === '' ? `count/${plural}` : `count/${plural}.${group}`
}

/** Whether objects of that kind can cost anything under a name of `hard`. */
export function isCharged(resource: Resource<unknown>, hard: readonly string[]): boolean {
  if (hard.includes(countName(resource))) return true
  if (resource.apiVersion !== 'v1') return false
  switch (resource.plural) {
    case 'pods':
      return hard.some(isPodName)
    case 'services':
      return hard.some((name) => name === 'services' || name.startsWith('services.'))
    case 'persistentvolumeclaims':
      return hard.some(isClaimName)
    default:
      return plainlyCounted.has(resource.plural) && hard.includes(resource.plural)
  }
}

/** What the object costs. */
export function objectUsage(
  resource: Resource<unknown>,
  object: StoredObject,
  nowMs: number,
): Sums {
  const usage: Sums = new Map([[countName(resource), one]])
  if (resource.apiVersion !== 'v1') return usage
  switch (resource.plural) {
    case 'pods':
      addPod(usage, object as unknown as Pod, nowMs)
      break
    case 'services':
      addService(usage, object as unknown as Service)
      break
    case 'persistentvolumeclaims':
      addClaim(usage, object as unknown as PersistentVolumeClaim)
      break
    default:
      if (plainlyCounted.has(resource.plural)) usage.set(resource.plural, one)
  }
  return usage
}

function isPodName(name: string): boolean {
  return (
    name === 'pods' ||
    standardNames.includes(name) ||
    name.startsWith('limits.') ||
    name.startsWith('hugepages-') ||
    (name.startsWith('requests.') && name !== 'requests.storage')
  )
}

function isClaimName(name: string): boolean {
  return (
    name === 'persistentvolumeclaims' ||
    name === 'requests.storage' ||
    name.includes('.storageclass.storage.k8s.io/')
  )
}

function addPod(usage: Sums, pod: Pod, nowMs: number): void {
  if (isPodTerminal(pod) || isStuck(pod, nowMs)) return
  usage.set('pods', one)
  for (const [name, amount] of podSums(pod, 'requests')) {
    const isExtended = !standardNames.includes(name) && !name.startsWith('hugepages-')
    if (!isExtended) usage.set(name, amount)
    usage.set(`requests.${name}`, amount)
  }
  for (const [name, amount] of podSums(pod, 'limits')) {
    if (standardNames.includes(name)) usage.set(`limits.${name}`, amount)
  }
}

// Whoever waits for a lost node shall not be charged for it: the grace has passed twice over.
function isStuck({ metadata }: Pod, nowMs: number): boolean {
  const deletedMs = msOf(metadata.deletionTimestamp)
  const graceSeconds = metadata.deletionGracePeriodSeconds
  if (deletedMs === undefined || graceSeconds === undefined) return false
  return nowMs > deletedMs + graceSeconds * 1000
}

function addService(usage: Sums, { spec }: Service): void {
  const ports = spec.ports ?? []
  const isBalanced = spec.type === 'LoadBalancer'
  const explicit = ports.filter(({ nodePort = 0 }) => nodePort !== 0).length
  const nodePorts =
    spec.type === 'NodePort' || (isBalanced && spec.allocateLoadBalancerNodePorts !== false)
      ? ports.length
      : isBalanced
        ? explicit
        : 0
  usage.set('services', one)
  usage.set('services.loadbalancers', parseQuantity(isBalanced ? '1' : '0'))
  usage.set('services.nodeports', parseQuantity(String(nodePorts)))
}

function addClaim(usage: Sums, { metadata, spec }: PersistentVolumeClaim): void {
  const annotated = metadata.annotations?.['volume.beta.kubernetes.io/storage-class']
  const className = annotated ?? spec?.storageClassName ?? ''
  const prefix = `${className}.storageclass.storage.k8s.io/`
  const charge = (name: string, amount: Quantity): void => {
    usage.set(name, amount)
    if (className !== '') usage.set(`${prefix}${name}`, amount)
  }
  charge('persistentvolumeclaims', one)
  const storage = spec?.resources?.requests?.['storage']
  if (storage !== undefined) charge('requests.storage', inWholeBytes(parseQuantity(storage)))
}

function inWholeBytes(amount: Quantity): Quantity {
  return { ...amount, nanos: ceilDivide(amount, one) * one.nanos }
}
