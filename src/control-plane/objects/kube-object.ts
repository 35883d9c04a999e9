// SPDX-License-Identifier: Apache-2.0
// Any Kubernetes object as it lies in storage and goes over the wire: plain JSON, never changed in
// place. Whoever wants a changed object makes a new one; what it shares with the old one is shared.
import type { ObjectMeta } from '../../kube/types.gen.ts'

/** An object of any kind. The typed kinds of `kube/types.gen.ts` can be read from it by a cast. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** An object that storage has accepted: the server has filled in its identity. */
export interface StoredObject extends KubeObject {
  readonly metadata: ObjectMeta & {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly creationTimestamp: string
  }
}
