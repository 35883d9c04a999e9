// SPDX-License-Identifier: Apache-2.0
// Nodes and pods for tests of the scheduler and of the controllers around nodes.
import type { Node, Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { buildContainer, buildPod } from './build-pod.ts'
import type { PodParts } from './build-pod.ts'

/** What a test says of its node. */
export interface NodeParts {
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: Node['spec']
  readonly status?: Node['status']
  /** Allocatable; 4 cpu, 8Gi and 110 pods by default. */
  readonly room?: Readonly<Record<string, string>>
}

/** A node with room for pods and its hostname as a label. */
export function buildNode(name: string, { labels, spec, status, room }: NodeParts = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `uid-of-${name}`,
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec: spec ?? {},
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...room }, ...status },
  }
}

/** A pod whose one container asks for `requests`. */
export function buildRequest(
  name: string,
  requests: Readonly<Record<string, string>> = {},
  { metadata, spec, status }: PodParts = {},
): Pod {
  const container = buildContainer({ resources: { requests } })
  const whole: Partial<PodSpec> = { containers: [container], ...spec }
  return buildPod({ metadata: { name, ...metadata }, spec: whole, ...(status && { status }) })
}
