// SPDX-License-Identifier: Apache-2.0
// Which objects a node has to do with: those that the pods bound to it refer to. Kept up to date with
// every change of a pod or volume, so that a question costs a look-up or two, however many pods there are.
import type { PersistentVolume, Pod } from '../../../kube/types.gen.ts'
import type { Store } from '../../storage/store.ts'
import { storedObjects } from '../stored-object.ts'
import type { PodReference, ReferredKind } from './pod-references.ts'
import { mirrorAnnotation, podReferences } from './pod-references.ts'

/** An object that a node wants to read. */
export interface RelatedObject {
  readonly kind: ReferredKind | 'persistentvolumes' | 'pods'
  readonly namespace: string
  readonly name: string
}

interface BoundPod {
  readonly node: string
  readonly references: readonly string[]
}

interface BoundVolume {
  readonly claim: string
  readonly secrets: readonly string[]
}

export class NodeGraph implements Disposable {
  readonly #pods = new Map<string, BoundPod>()
  readonly #volumes = new Map<string, BoundVolume>()
  /** How many pods of which node refer to an object. */
  readonly #references = new Map<string, Map<string, number>>()
  /** The volumes that need a secret. */
  readonly #secretVolumes = new Map<string, Set<string>>()
  readonly #subscriptions: readonly Disposable[]

  constructor(store: Store) {
    for (const pod of storedObjects<Pod>(store, 'pods')) this.#setPod(pod)
    for (const volume of storedObjects<PersistentVolume>(store, 'persistentvolumes')) {
      this.#setVolume(volume)
    }
    this.#subscriptions = [
      store.onChange('pods', ({ current, key, previous }) => {
        const pod = current?.object as unknown as Pod | undefined
        if (!pod) this.#removePod(keyOf('pods', key))
        else if (!hasSameSpec(pod, previous?.object as unknown as Pod | undefined)) {
          this.#setPod(pod)
        }
      }),
      store.onChange('persistentvolumes', ({ current, key }) => {
        if (current) this.#setVolume(current.object as unknown as PersistentVolume)
        else this.#removeVolume(key.name)
      }),
    ]
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
  }

  /** Whether a pod that is bound to the node is the object, or refers to it. */
  isRelated(node: string, { kind, name, namespace }: RelatedObject): boolean {
    const key = keyOf(kind, { namespace, name })
    if (kind === 'pods') return this.#pods.get(key)?.node === node
    if (kind === 'persistentvolumes') return this.#usesVolume(node, name)
    if (this.#refersTo(node, key)) return true
    const volumes = kind === 'secrets' ? this.#secretVolumes.get(key) : undefined
    return volumes !== undefined && [...volumes].some((volume) => this.#usesVolume(node, volume))
  }

  #usesVolume(node: string, volume: string): boolean {
    const bound = this.#volumes.get(volume)
    return bound !== undefined && this.#refersTo(node, bound.claim)
  }

  #refersTo(node: string, key: string): boolean {
    return this.#references.get(key)?.has(node) ?? false
  }

  /** What a pod refers to does not change once it is bound, but for added containers and claims. */
  #setPod(pod: Pod): void {
    const { name, namespace } = pod.metadata
    const node = pod.spec?.nodeName ?? ''
    const key = keyOf('pods', { namespace, name })
    if (node === '') return this.#removePod(key)
    // A node makes its mirror pods itself: they must not give it anything.
    const isMirror = pod.metadata.annotations?.[mirrorAnnotation] !== undefined
    const references = isMirror ? [] : podReferences(pod).map((one) => referenceKey(one, namespace))
    const known = this.#pods.get(key)
    if (known?.node === node && isSame(known.references, references)) return
    this.#removePod(key)
    this.#pods.set(key, { node, references })
    for (const reference of references) this.#count(reference, node, 1)
  }

  #removePod(key: string): void {
    const known = this.#pods.get(key)
    if (!known) return
    this.#pods.delete(key)
    for (const reference of known.references) this.#count(reference, known.node, -1)
  }

  #count(reference: string, node: string, change: number): void {
    const nodes = this.#references.get(reference) ?? new Map<string, number>()
    const count = (nodes.get(node) ?? 0) + change
    if (count > 0) nodes.set(node, count)
    else nodes.delete(node)
    if (nodes.size > 0) this.#references.set(reference, nodes)
    else this.#references.delete(reference)
  }

  #setVolume({ metadata, spec }: PersistentVolume): void {
    const { name } = metadata
    this.#removeVolume(name)
    const { name: claim, namespace = '' } = spec?.claimRef ?? {}
    if (!spec || claim === undefined) return
    const secrets = volumeSecrets(spec, namespace)
    const bound = { claim: keyOf('persistentvolumeclaims', { namespace, name: claim }), secrets }
    this.#volumes.set(name, bound)
    for (const secret of secrets) {
      const volumes = this.#secretVolumes.get(secret) ?? new Set()
      this.#secretVolumes.set(secret, volumes.add(name))
    }
  }

  #removeVolume(name: string): void {
    const known = this.#volumes.get(name)
    if (!known) return
    this.#volumes.delete(name)
    for (const secret of known.secrets) {
      const volumes = this.#secretVolumes.get(secret)
      volumes?.delete(name)
      if (volumes?.size === 0) this.#secretVolumes.delete(secret)
    }
  }
}

/** Most changes of a pod are its status, and share the spec with the state before. */
function hasSameSpec(pod: Pod, previous: Pod | undefined): boolean {
  return (
    pod.spec === previous?.spec &&
    pod.metadata.annotations === previous?.metadata.annotations &&
    pod.status?.resourceClaimStatuses === undefined &&
    pod.status?.extendedResourceClaimStatus === undefined
  )
}

/** The secrets that the node itself needs for a volume; without a namespace they are the claim's. */
function volumeSecrets(
  spec: NonNullable<PersistentVolume['spec']>,
  claimNamespace: string,
): readonly string[] {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = spec
  const references = [
    cephfs?.secretRef,
    cinder?.secretRef,
    flexVolume?.secretRef,
    iscsi?.secretRef,
    rbd?.secretRef,
    scaleIO?.secretRef,
    storageos?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    azureFile && {
      name: azureFile.secretName,
      ...(azureFile.secretNamespace !== undefined && { namespace: azureFile.secretNamespace }),
    },
  ]
  return references.flatMap((one) => {
    if (one?.name === undefined || one.name === '') return []
    const namespace = one.namespace ?? ''
    const place = { namespace: namespace === '' ? claimNamespace : namespace, name: one.name }
    return [keyOf('secrets', place)]
  })
}

function referenceKey({ kind, name }: PodReference, namespace: string): string {
  return keyOf(kind, { namespace, name })
}

function keyOf(
  kind: RelatedObject['kind'],
  { name, namespace }: { readonly namespace: string; readonly name: string },
): string {
  return `${kind}/${namespace}/${name}`
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index])
}
