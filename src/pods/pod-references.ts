// SPDX-License-Identifier: Apache-2.0
// The ConfigMaps and Secrets that this node's pods refer to: one named watch per object, shared by its
// pods and closed with the last of them; never a namespace- or cluster-wide read. Remembers which pods
// read which object, so that a change wakes the pods that may wait for it.
import type { KubeClient } from '../kube/kube-client.ts'
import { ObjectTracker } from '../kube/object-tracker.ts'
import type { TrackedObject } from '../kube/object-tracker.ts'
import { configMaps, secrets } from '../kube/resources.ts'
import type { ConfigMap, Secret } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PodRef } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { ReferencedObject } from './volume-references.ts'

export interface PodReferencesOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  /** An object that this pod has read was created, changed or deleted. */
  readonly onChange: (uid: string, object: ReferencedObject) => void
}

type Held = Map<string, TrackedObject<ConfigMap> | TrackedObject<Secret>>

/** Reads referenced objects for pods, by pod. */
export class PodReferences implements AsyncDisposable {
  readonly #configMaps: ObjectTracker<ConfigMap>
  readonly #secrets: ObjectTracker<Secret>
  readonly #onChange: PodReferencesOptions['onChange']
  readonly #heldByPod = new Map<string, Held>()
  readonly #podsByObject = new Map<string, Set<string>>()

  constructor(client: KubeClient, { clock, log, metrics, onChange }: PodReferencesOptions) {
    const shared = { clock, log, ...(metrics && { metrics }) }
    this.#onChange = onChange
    this.#configMaps = new ObjectTracker(client, configMaps, {
      ...shared,
      onChange: (namespace, name) => this.#wake(namespace, { kind: 'configmap', name }),
    })
    this.#secrets = new ObjectTracker(client, secrets, {
      ...shared,
      onChange: (namespace, name) => this.#wake(namespace, { kind: 'secret', name }),
    })
  }

  /** The ConfigMap of the pod's namespace; watched from now on until the pod is released. */
  configMap(ref: PodRef, name: string, signal?: AbortSignal): Promise<ConfigMap | undefined> {
    const key = keyOf('configmap', ref.namespace, name)
    return this.#hold(ref, key, () => this.#configMaps.acquire(ref.namespace, name)).read(signal)
  }

  /** The Secret of the pod's namespace; watched from now on until the pod is released. */
  secret(ref: PodRef, name: string, signal?: AbortSignal): Promise<Secret | undefined> {
    const key = keyOf('secret', ref.namespace, name)
    return this.#hold(ref, key, () => this.#secrets.acquire(ref.namespace, name)).read(signal)
  }

  /** The pod needs nothing any more. */
  release(uid: string): void {
    const held = this.#heldByPod.get(uid)
    if (!held) return
    this.#heldByPod.delete(uid)
    for (const [key, object] of held) {
      object[Symbol.dispose]()
      const readers = this.#podsByObject.get(key)
      readers?.delete(uid)
      if (readers?.size === 0) this.#podsByObject.delete(key)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const uid of this.#heldByPod.keys()) this.release(uid)
    await Promise.all([
      this.#configMaps[Symbol.asyncDispose](),
      this.#secrets[Symbol.asyncDispose](),
    ])
  }

  #hold<T extends ConfigMap | Secret>(
    { uid }: PodRef,
    key: string,
    acquire: () => TrackedObject<T>,
  ): TrackedObject<T> {
    const held: Held = this.#heldByPod.get(uid) ?? new Map()
    this.#heldByPod.set(uid, held)
    // The key names the kind, so what lies under it is of type T.
    const known = held.get(key) as TrackedObject<T> | undefined
    if (known) return known
    const object = acquire()
    held.set(key, object)
    const readers = this.#podsByObject.get(key) ?? new Set()
    this.#podsByObject.set(key, readers.add(uid))
    return object
  }

  #wake(namespace: string, object: ReferencedObject): void {
    const key = keyOf(object.kind, namespace, object.name)
    for (const uid of this.#podsByObject.get(key) ?? []) this.#onChange(uid, object)
  }
}

function keyOf(kind: 'configmap' | 'secret', namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`
}
