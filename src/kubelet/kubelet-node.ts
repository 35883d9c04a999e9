// SPDX-License-Identifier: Apache-2.0
// What the kubelet API needs to know of the node it speaks for. The pod controller provides it; the
// API itself keeps no state of pods.
import type { Pod } from '../kube/types.gen.ts'
import type { PodProvider } from '../provider/provider.ts'

/** One node as its kubelet API sees it. */
export interface KubeletNode {
  readonly nodeName: string
  readonly provider: PodProvider
  /** The pods bound to this node: the API's spec with our own newest status. */
  pods(): Iterable<Pod>
  findPod(namespace: string, name: string): Pod | undefined
  /** Resources in all, as in the Node's status. */
  capacity?(): Readonly<Record<string, string>>
}

/** One line of /healthz or /readyz. */
export interface HealthCheck {
  readonly name: string
  /** What is wrong, or undefined when nothing is. */
  check(): string | undefined
}
