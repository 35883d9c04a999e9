// SPDX-License-Identifier: Apache-2.0
// The signers of the API that this control plane serves. Others (`example.com/mine`) are for those who
// bring a controller of their own.

/** spec.signerName of the requests that are signed here. */
export const signerNames = {
  /** Client certificates of nodes, `system:node:<name>`. */
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  /** Serving certificates of nodes; approved without anybody's word only for a node's own addresses. */
  kubeletServing: 'kubernetes.io/kubelet-serving',
  /** Client certificates of anyone else. */
  client: 'kubernetes.io/kube-apiserver-client',
} as const

/** spec.usages that these signers know. */
export type KeyUsage = 'client auth' | 'digital signature' | 'key encipherment' | 'server auth'
