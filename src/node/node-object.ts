// SPDX-License-Identifier: Apache-2.0
// The Node that we want to see in the API, made from options, the backend's description and the
// machine. Pure: the same facts give the same object.
import type { ContainerImage, NodeAddress, NodeSystemInfo, Taint } from '../kube/types.gen.ts'
import type { NodeDescription } from '../provider/provider.ts'
import { parseQuantity } from '../util/quantity.ts'
import { desiredConditions } from './node-conditions.ts'
import type { ConditionFacts, DesiredCondition } from './node-conditions.ts'
import { labelObstacle } from './node-labels.ts'
import type { NodeOptions } from './node-options.ts'
import { chooseTaints } from './node-taints.ts'
import { withoutReserved } from './node-reserved.ts'
import { instanceAnnotation } from './twin-guard.ts'

/** What we say of a node; everything else in the object belongs to others. */
export interface DesiredNode {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly providerID?: string
  readonly status: DesiredNodeStatus
}

export interface DesiredNodeStatus {
  /** Left out while the backend has not described the node: then what the API has stays. */
  readonly capacity?: Readonly<Record<string, string>>
  readonly allocatable?: Readonly<Record<string, string>>
  readonly addresses: readonly NodeAddress[]
  readonly daemonEndpoints: { readonly kubeletEndpoint: { readonly Port: number } }
  readonly nodeInfo: NodeSystemInfo
  readonly conditions: readonly DesiredCondition[]
  /** Left out where the backend does not say. */
  readonly images?: readonly ContainerImage[]
  /** Sorted, without repeats; left out when there are none. */
  readonly declaredFeatures?: readonly string[]
}

/** What changes while a node lives. */
export interface NodeState extends Omit<ConditionFacts, 'described'> {
  /** Undefined until the backend has answered for the first time. */
  readonly description: NodeDescription | undefined
  /** Which process runs the node; undefined when none does, or nobody asks. */
  readonly instanceId?: string | undefined
}

/** As many as a kubelet reports. */
const maxImages = 50
const required = ['cpu', 'memory', 'pods', 'ephemeral-storage']

/** The Node as it should be now. */
export function desiredNode(options: NodeOptions, state: NodeState): DesiredNode {
  const { description, instanceId } = state
  return {
    name: options.name,
    labels: labelsOf(options, description),
    annotations: {
      'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
      ...options.annotations,
      ...(instanceId !== undefined && { [instanceAnnotation]: instanceId }),
    },
    taints: options.taints ?? chooseTaints({ providerName: options.providerName }),
    ...(description?.providerID === undefined ? {} : { providerID: description.providerID }),
    status: statusOf(options, state),
  }
}

/** Labels of the backend that a node may not give itself; they are left out of the Node. */
export function refusedLabels(description: NodeDescription): readonly string[] {
  return Object.entries(description.labels ?? {})
    .filter(([key, value]) => labelObstacle(key, value) !== undefined)
    .map(([key]) => key)
}

/** What keeps a node that is described so from being ready. */
export function descriptionObstacles(description: NodeDescription | undefined): readonly string[] {
  if (description === undefined) return ['provider has not described the node yet']
  const missing = required.filter((name) => description.capacity[name] === undefined)
  return missing.length === 0 ? [] : [`provider did not report capacity of ${missing.join(', ')}`]
}

/** Throws a VkError of code Invalid for a description that the API would refuse. */
export function checkDescription({ capacity, allocatable = {} }: NodeDescription): void {
  for (const amount of [...Object.values(capacity), ...Object.values(allocatable)]) {
    parseQuantity(amount)
  }
}

function labelsOf(
  options: NodeOptions,
  description: NodeDescription | undefined,
): Readonly<Record<string, string>> {
  const { os, machine, name } = options
  const arch = description?.nodeInfo?.architecture ?? machine.architecture
  const described = Object.entries(description?.labels ?? {})
  return {
    type: 'virtual-kubelet',
    ...Object.fromEntries(described.filter(([key, value]) => !labelObstacle(key, value))),
    'kubernetes.io/os': os,
    'kubernetes.io/arch': arch,
    'kubernetes.io/hostname': hostnameLabel(name),
    'beta.kubernetes.io/os': os,
    'beta.kubernetes.io/arch': arch,
    ...options.labels,
  }
}

// A node's name may be longer than a label's value.
function hostnameLabel(name: string): string {
  return name.slice(0, 63).replace(/[^a-z0-9]+$/, '')
}

function statusOf(options: NodeOptions, state: NodeState): DesiredNodeStatus {
  const { description } = state
  const addresses = description?.addresses ?? [
    { type: 'Hostname', address: options.name },
    ...options.nodeIPs.map((address) => ({ type: 'InternalIP', address })),
  ]
  const declared = [...new Set(options.declaredFeatures)].sort()
  return {
    ...(declared.length > 0 && { declaredFeatures: declared }),
    ...(description?.images && { images: description.images.slice(0, maxImages) }),
    ...(description ? resourcesOf(description, options) : {}),
    addresses: unique(addresses),
    daemonEndpoints: { kubeletEndpoint: { Port: options.kubeletPort } },
    nodeInfo: nodeInfoOf(options, description),
    conditions: desiredConditions({
      obstacles: state.obstacles,
      shutdown: state.shutdown,
      ...(description?.conditions ? { described: description.conditions } : {}),
    }),
  }
}

function resourcesOf(
  { capacity, allocatable = capacity }: NodeDescription,
  { maxPods, reserved }: NodeOptions,
): Pick<DesiredNodeStatus, 'capacity' | 'allocatable'> {
  const limit = maxPods === undefined ? {} : { pods: `${maxPods}` }
  const left = reserved ? withoutReserved(allocatable, { capacity, reserved }) : allocatable
  return { capacity: { ...capacity, ...limit }, allocatable: { ...left, ...limit } }
}

function nodeInfoOf(
  { machine, kubeletVersion, os }: NodeOptions,
  description: NodeDescription | undefined,
): NodeSystemInfo {
  return {
    ...machine,
    ...description?.nodeInfo,
    containerRuntimeVersion: description?.runtimeVersion ?? '',
    kubeletVersion,
    kubeProxyVersion: '',
    operatingSystem: os,
  }
}

function unique(addresses: readonly NodeAddress[]): readonly NodeAddress[] {
  const byId = new Map(addresses.map((entry) => [`${entry.type} ${entry.address}`, entry]))
  return [...byId.values()]
}
