// SPDX-License-Identifier: Apache-2.0
// What the rest of the node needs to know of its Node object: the admission of pods and their status.
import type { Node, NodeAddress, Taint } from '../kube/types.gen.ts'
import type { DesiredNode } from './node-object.ts'

/** A node as pods meet it. */
export interface NodeFacts {
  readonly name: string
  readonly os: 'linux' | 'windows'
  /** As the API has them, other people's included. */
  readonly labels: Readonly<Record<string, string>>
  readonly allocatable: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly addresses: readonly NodeAddress[]
  /** Types of the conditions that say the node is short of something. */
  readonly pressures: readonly string[]
}

/** From the Node in the API, where there is one, and what we want it to be. */
export function nodeFacts(
  desired: DesiredNode,
  { node, os }: { readonly node: Node | undefined; readonly os: NodeFacts['os'] },
): NodeFacts {
  return {
    name: desired.name,
    os,
    labels: { ...node?.metadata.labels, ...desired.labels },
    allocatable: desired.status.allocatable ?? node?.status?.allocatable ?? {},
    taints: node ? (node.spec?.taints ?? []) : desired.taints,
    addresses: desired.status.addresses,
    pressures: desired.status.conditions
      .filter(({ type, status }) => type.endsWith('Pressure') && status === 'True')
      .map(({ type }) => type),
  }
}
