// SPDX-License-Identifier: Apache-2.0
//
// Manifests of what makes pods, each small enough to be changed where it is used; and nodes that exist
// in the API only, for scheduling.
import type { Node, PodSpec } from '../../src/kube/types.gen.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { conditionOf, podSpec, shell } from './pods.ts'

/** What a workload may be given beside its pods. */
export interface WorkloadShape {
  readonly namespace?: string
  readonly replicas?: number
  readonly spec?: object
  readonly pod?: Partial<PodSpec>
  readonly podMetadata?: object
}

type WorkloadKind = 'DaemonSet' | 'Deployment' | 'ReplicaSet' | 'StatefulSet'

/** A workload whose pods have the label `app` of its name. */
export function workload(kind: WorkloadKind, name: string, shape: WorkloadShape = {}): Manifest {
  const { namespace = 'default', replicas, spec, pod, podMetadata } = shape
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      ...(replicas !== undefined && { replicas }),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, ...podMetadata },
        spec: podSpec({ containers: [shell('none')], ...pod }),
      },
      ...spec,
    },
  }
}

/** A node that nobody runs: pods are bound to it, and that is all. */
export async function createEmptyNode(
  cluster: Cluster,
  name: string,
  { labels = {}, cpu = '4' }: { readonly labels?: object; readonly cpu?: string } = {},
): Promise<void> {
  const path = `/api/v1/nodes/${name}`
  await cluster.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  })
  const capacity = { cpu, memory: '8Gi', pods: '20' }
  const ready = { type: 'Ready', status: 'True', reason: 'Test', message: '' }
  await cluster.patch(`${path}/status`, {
    status: { conditions: [ready], capacity, allocatable: capacity },
  })
  await eventually(
    async () => {
      const node = await cluster.api<Node>('GET', path)
      return conditionOf(node, 'Ready')?.status === 'True' && (node.spec.taints ?? []).length === 0
    },
    { what: `node ${name} to be without taints` },
  )
}

/** kube-apiserver learns of priority classes by a watch of its own; until then it refuses pods that name it. */
export async function createPriorityClass(
  cluster: Cluster,
  name: string,
  value: number,
): Promise<void> {
  await cluster.create({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
  })
  const spec = podSpec({ priorityClassName: name, containers: [shell('none')] })
  const body = { metadata: { name: `has-${name}` }, spec }
  await eventually(
    () => cluster.api('POST', '/api/v1/namespaces/default/pods?dryRun=All', { body }),
    {
      what: `pods of priority ${name} to be let in`,
    },
  )
}
