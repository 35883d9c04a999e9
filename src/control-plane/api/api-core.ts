// SPDX-License-Identifier: Apache-2.0
// What the verbs of the API work with, whoever calls them: a client over HTTPS or a controller in this
// process. The verbs are synchronous functions over it; only durability is waited for afterwards.
import type { Clock } from '../../util/clock.ts'
import type { AdmissionPlugin } from '../admission/admission.ts'
import type { User } from '../auth/user.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { ObjectKey, Store, Stored } from '../storage/store.ts'

export interface ApiCore {
  readonly store: Store
  readonly clock: Clock
  readonly admission: readonly AdmissionPlugin[]
  /** Calls that a write may need before it is stored, such as the address of a Service. */
  readonly allocate: (object: KubeObject, resource: ResourceDefinition) => KubeObject
}

/** Where in the API a request points. */
export interface Place {
  readonly resource: ResourceDefinition
  /** '' for cluster-wide resources. */
  readonly namespace: string
  readonly name: string
  /** '' for the object itself. */
  readonly subresource: string
}

/** Who writes, and whether it counts. */
export interface WriteOptions {
  readonly user: User
  readonly isDryRun: boolean
  /** Collects sentences for the `Warning` headers of the answer. */
  readonly warn: (sentence: string) => void
  /** Under which name changes are recorded in managedFields; left out, nothing is recorded. */
  readonly fieldManager?: string
}

export function keyOf({ resource, namespace, name }: Place): ObjectKey {
  return { resource: resource.storage, namespace, name }
}

/** The object in the form in which this resource shows it. */
export function shown(resource: ResourceDefinition, stored: Stored): KubeObject {
  return resource.fromStorage ? resource.fromStorage(stored.object) : stored.object
}

/** With kind and version as the first fields, as every API server writes them; lists rely on it. */
export function kindFirst(object: KubeObject): KubeObject {
  const { kind, apiVersion } = object
  const first = { kind, apiVersion }
  return { ...first, ...object }
}
