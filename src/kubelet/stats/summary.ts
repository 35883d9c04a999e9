// SPDX-License-Identifier: Apache-2.0
// The body of /stats/summary (kubelet stats API v1alpha1) from the figures of node and pods.
import type { NodeStats, PodStats } from '../../provider/stats.ts'

export interface SummaryInput {
  readonly nodeName: string
  readonly node: NodeStats
  readonly pods: readonly PodStats[]
}

/** Everything that is known; `pods` and `containers` are arrays even when they are empty. */
export function summaryOf({ nodeName, node, pods }: SummaryInput): object {
  return { node: { nodeName, systemContainers: [], ...node }, pods }
}

/** The same cut down to CPU and memory, for `only_cpu_and_memory=true`. */
export function cpuAndMemorySummaryOf({ nodeName, node, pods }: SummaryInput): object {
  return {
    node: { nodeName, systemContainers: [], startTime: node.startTime, ...cpuAndMemory(node) },
    pods: pods.map((pod) => ({
      podRef: pod.podRef,
      startTime: pod.startTime,
      containers: pod.containers.map((container) => ({
        name: container.name,
        startTime: container.startTime,
        ...cpuAndMemory(container),
      })),
      ...cpuAndMemory(pod),
    })),
  }
}

function cpuAndMemory({ cpu, memory }: Pick<NodeStats, 'cpu' | 'memory'>): object {
  return { ...(cpu && { cpu }), ...(memory && { memory }) }
}
