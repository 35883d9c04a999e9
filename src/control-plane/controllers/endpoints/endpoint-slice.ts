// SPDX-License-Identifier: Apache-2.0
// EndpointSlice of discovery.k8s.io/v1 as it goes over the wire; the generated types leave it out.
import type { NamespacedMeta, ObjectReference } from '../../../kube/types.gen.ts'

export interface EndpointSlice {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: NamespacedMeta
  readonly addressType: string
  readonly endpoints: readonly SliceEndpoint[] | null
  readonly ports?: readonly SlicePort[]
}

export interface SliceEndpoint {
  readonly addresses: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean
    readonly serving?: boolean
    readonly terminating?: boolean
  }
  readonly hostname?: string
  readonly nodeName?: string
  readonly targetRef?: ObjectReference
  readonly zone?: string
}

export interface SlicePort {
  readonly name?: string
  readonly port?: number
  readonly protocol?: string
  readonly appProtocol?: string
}
