// SPDX-License-Identifier: Apache-2.0
// The node's own judgement of a pod that was bound to it, with the checks, reasons and words of the
// kubelet. It is passed once, before a pod is first handed to the backend; the caller does not judge
// pods again that run already.
import type { Pod, Taint, Toleration } from '../kube/types.gen.ts'
import { AdmittedPods, hasEnded, type Usage } from './admitted-pods.ts'
import { isCriticalPod } from '../runtime/eviction/critical-pod.ts'
import { matchesNodeAffinity } from './node-affinity.ts'
import { amountsOf, podRequests, type Amounts } from '../runtime/resources/pod-amounts.ts'

/** The node as pods are judged by it. */
export interface NodeFacts {
  readonly name: string
  readonly os: string
  readonly labels: Readonly<Record<string, string>>
  readonly allocatable: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  /** Types of the conditions that say the node is short of something; default none. */
  readonly pressures?: readonly string[]
}

/** Why a pod may not run here: status.reason, and the message without `Pod was rejected: `. */
export interface Rejection {
  readonly reason: string
  readonly message: string
}

/** What a pod is judged against. */
export interface AdmissionContext {
  readonly node: NodeFacts
  /** Pods admitted before; ended ones and the pod itself do not count. Fastest as `AdmittedPods`. */
  readonly others: Iterable<Pod>
}

/** The first reason against the pod, or undefined when it may run. */
export function admit(pod: Pod, { node, others }: AdmissionContext): Rejection | undefined {
  return (
    checkPressure(pod, node) ??
    checkOs(pod, node) ??
    checkResources(pod, { node, others }) ??
    checkPredicates(pod, { node, others })
  )
}

/**
 * Is there room for what the pod asks for now, besides all others? `isForGood`: the whole node has not as
 * much, so that no waiting helps.
 */
export function checkRoom(
  pod: Pod,
  context: AdmissionContext,
): (Rejection & { readonly isForGood: boolean }) | undefined {
  const against = checkResources(pod, context)
  if (!against) return undefined
  const alone = checkResources(pod, { ...context, others: [] })
  if (!alone) return { ...against, isForGood: false }
  const message = alone.message
    .replace('enough resource:', 'enough capacity:')
    .replace(/ used: \d+,/, '')
  return { reason: alone.reason, message, isForGood: true }
}

/** A node that is short of something takes no more pods; short of memory alone, none that asks for none. */
function checkPressure(pod: Pod, { pressures = [] }: NodeFacts): Rejection | undefined {
  if (pressures.length === 0 || isCriticalPod(pod)) return undefined
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure') {
    const { tolerations = [] } = pod.spec
    if (pod.status?.qosClass !== 'BestEffort') return undefined
    if (tolerations.some((toleration) => tolerates(toleration, memoryPressureTaint))) {
      return undefined
    }
  }
  const message = `The node had condition: [${pressures.join(' ')}]. `
  return { reason: 'Evicted', message }
}

const memoryPressureTaint: Taint = {
  key: 'node.kubernetes.io/memory-pressure',
  effect: 'NoSchedule',
}

function checkOs(pod: Pod, node: NodeFacts): Rejection | undefined {
  // The pod's own label: a nodeSelector is part of NodeAffinity below.
  const wanted = pod.metadata.labels?.['kubernetes.io/os']
  if (wanted !== undefined && wanted !== node.os) {
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    }
  }
  if (pod.spec.os && pod.spec.os.name !== node.os) {
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    }
  }
  return undefined
}

const allocatableAmounts = new WeakMap<NodeFacts['allocatable'], Amounts>()

function checkResources(pod: Pod, { node, others }: AdmissionContext): Rejection | undefined {
  const usage = usageOf(others, pod)
  let allocatable = allocatableAmounts.get(node.allocatable)
  if (!allocatable) {
    allocatable = amountsOf(node.allocatable)
    allocatableAmounts.set(node.allocatable, allocatable)
  }
  const maxPods = allocatable.get('pods') ?? 0n
  if (BigInt(usage.pods) + 1n > maxPods) {
    return outOf('pods', { requested: 1n, used: BigInt(usage.pods), capacity: maxPods })
  }
  const requests = podRequests(pod)
  for (const name of inOrderOfReport(requests)) {
    const requested = requests.get(name) ?? 0n
    const used = usage.requests.get(name) ?? 0n
    // What the node does not know at all is handed out elsewhere, such as by a scheduler extender.
    const capacity = allocatable.get(name) ?? (isExtended(name) ? undefined : 0n)
    if (capacity === undefined || requested === 0n) continue
    if (used + requested > capacity) return outOf(name, { requested, used, capacity })
  }
  return undefined
}

function usageOf(others: Iterable<Pod>, pod: Pod): Usage {
  const { uid } = pod.metadata
  if (others instanceof AdmittedPods) return others.usageWithout(uid)
  const counted = new AdmittedPods()
  for (const other of others) counted.set(other)
  return counted.usageWithout(uid)
}

const firstReported = ['cpu', 'memory', 'ephemeral-storage']

function inOrderOfReport(requests: Amounts): readonly string[] {
  const others = [...requests.keys()].filter((name) => !firstReported.includes(name))
  return [...firstReported, ...others.sort()]
}

/** Resources that the kubelet does not measure itself, such as `nvidia.com/gpu`. */
function isExtended(name: string): boolean {
  return name.includes('/') && !/^(?:[^/]*\.)?kubernetes\.io\//.test(name)
}

function outOf(
  name: string,
  amounts: { readonly requested: bigint; readonly used: bigint; readonly capacity: bigint },
): Rejection {
  const { requested, used, capacity } = amounts
  const figures = `requested: ${requested}, used: ${used}, capacity: ${capacity}`
  return {
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, ${figures}`,
  }
}

function checkPredicates(pod: Pod, { node, others }: AdmissionContext): Rejection | undefined {
  if (!matchesNodeAffinity(pod, node)) {
    return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
  }
  if (pod.spec.nodeName && pod.spec.nodeName !== node.name) {
    return failed('NodeName', "node(s) didn't match the requested node name")
  }
  if (lacksHostPort(pod, others)) {
    return failed('NodePorts', "node(s) didn't have free ports for the requested pod ports")
  }
  const { tolerations = [] } = pod.spec
  const isEvicting = (taint: Taint): boolean =>
    taint.effect === 'NoExecute' && !tolerations.some((toleration) => tolerates(toleration, taint))
  if (node.taints.some(isEvicting)) {
    return failed('TaintToleration', "node(s) had taints that the pod didn't tolerate")
  }
  return undefined
}

function failed(predicate: string, why: string): Rejection {
  return { reason: predicate, message: `Predicate ${predicate} failed: ${why}` }
}

function tolerates({ effect, key, operator, value }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false
  if (key && key !== taint.key) return false
  if (operator === 'Exists') return true
  return (
    Boolean(key) && (!operator || operator === 'Equal') && (value ?? '') === (taint.value ?? '')
  )
}

interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

function lacksHostPort(pod: Pod, others: Iterable<Pod>): boolean {
  const wanted = hostPortsOf(pod)
  if (wanted.length === 0) return false
  for (const other of others) {
    if (other.metadata.uid === pod.metadata.uid || hasEnded(other)) continue
    if (hostPortsOf(other).some((taken) => wanted.some((port) => collide(port, taken)))) return true
  }
  return false
}

function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')
  const ports: HostPort[] = []
  for (const container of [...spec.containers, ...sidecars]) {
    for (const { hostPort, hostIP, protocol = 'TCP' } of container.ports ?? []) {
      if (hostPort) ports.push({ ip: hostIP || '0.0.0.0', protocol, port: hostPort })
    }
  }
  return ports
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
}
