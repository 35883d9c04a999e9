// SPDX-License-Identifier: Apache-2.0
// Which pod goes first when a node is short of something: one that uses more than it asked for before one
// that does not, then the lower priority, then the one that is furthest beyond its request. One that nobody
// can measure goes before all others. Pure; the order is the kubelet's.
import type { Pod } from '../../kube/types.gen.ts'
import { format, type Quantity } from '../../util/quantity.ts'
import { podRequests } from '../resources/pod-amounts.ts'
import { isCriticalPod } from './critical-pod.ts'
import type { Shortage, StarvedResource } from './judge-pressure.ts'

/** What a pod takes of the resource that is short. */
export interface MeasuredPod<T> {
  readonly subject: T
  readonly pod: Pod
  /** Undefined when it could not be measured. */
  readonly used: number | undefined
  /** By container, for the message. */
  readonly containers: ReadonlyMap<string, number>
}

/** The pod to evict, or undefined when there is none that may be evicted. */
export function choosePod<T>(
  pods: readonly MeasuredPod<T>[],
  resource: StarvedResource,
): MeasuredPod<T> | undefined {
  return rankPods(pods, resource).find(({ pod }) => !isCriticalPod(pod))
}

/** All pods, the first to go first; equal ones keep their order. */
export function rankPods<T>(
  pods: readonly MeasuredPod<T>[],
  resource: StarvedResource,
): readonly MeasuredPod<T>[] {
  return pods.toSorted((one, other) => {
    if (one.used === undefined || other.used === undefined) {
      return Number(one.used !== undefined) - Number(other.used !== undefined)
    }
    const [ofOne, ofOther] = [excessOf(one, resource), excessOf(other, resource)]
    return (
      Number(ofOther > 0) - Number(ofOne > 0) ||
      priorityOf(one.pod) - priorityOf(other.pod) ||
      ofOther - ofOne
    )
  })
}

/** Why the pod goes, in the kubelet's words. */
export function evictionMessage<T>(
  { pod, used, containers }: MeasuredPod<T>,
  { resource, threshold, available }: Shortage,
): string {
  const amount = (value: number): string => amountText(value, resource)
  const parts = [
    `The node was low on resource: ${resource}. `,
    `Threshold quantity: ${amount(threshold)}, available: ${amount(available)}. `,
  ]
  const ofPod = pod.spec.resources?.requests?.[resource]
  if (resource === 'memory' && ofPod !== undefined && used !== undefined) {
    parts.push(
      `Pod ${pod.metadata.name} was using ${amount(used)}, request is ${ofPod}, has larger consumption of ${resource}. `,
    )
  }
  if (resource === 'inodes') return parts.join('')
  for (const { name, resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const usedHere = containers.get(name)
    const request = resources?.requests?.[resource] ?? '0'
    if (usedHere === undefined || usedHere <= requestOf(pod, { resource, container: name }))
      continue
    parts.push(
      `Container ${name} was using ${amount(usedHere)}, request is ${request}, has larger consumption of ${resource}. `,
    )
  }
  return parts.join('')
}

function excessOf<T>({ pod, used = 0 }: MeasuredPod<T>, resource: StarvedResource): number {
  return used - Number(podRequests(pod).get(resource) ?? 0n)
}

function requestOf(
  { metadata, spec }: Pod,
  { resource, container }: { readonly resource: StarvedResource; readonly container: string },
): number {
  const all = [...spec.containers, ...(spec.initContainers ?? [])]
  const containers = all.filter(({ name }) => name === container)
  return Number(podRequests({ metadata, spec: { containers } }).get(resource) ?? 0n)
}

function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0
}

function amountText(value: number, resource: StarvedResource): string {
  const quantity: Quantity = {
    nanos: BigInt(Math.round(value)) * 1_000_000_000n,
    notation: resource === 'inodes' ? 'decimal' : 'binary',
  }
  return format(quantity)
}
