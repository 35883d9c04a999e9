// SPDX-License-Identifier: Apache-2.0
// Follows everything that belongs to a run: the applied objects, what their controllers make of them,
// and the pods at the end, found by owner references, with what events say of those that wait. Remembers
// what was deleted meanwhile.
import { Informer } from '../../kube/informer.ts'
import type { Change } from '../../kube/informer.ts'
import { events as eventResource, pods as podResource } from '../../kube/resources.ts'
import type { Resource } from '../../kube/resources.ts'
import type { Event, Pod, StoredMeta } from '../../kube/types.gen.ts'
import { withoutBulk } from '../../kube/without-bulk.ts'
import type { Clock } from '../../util/clock.ts'
import { silentLogger, type Logger } from '../../util/logger.ts'
import type { ClusterAccess } from '../cluster-access.ts'
import type { AppliedObject } from './apply-objects.ts'
import type { RootState, RunWorld, TrackedPod } from './judge-run.ts'
import type { Manifest } from './read-manifests.ts'

export interface RunWatchOptions {
  /** Applied objects that make pods. */
  readonly roots: readonly AppliedObject[]
  readonly clock: Clock
  readonly log: Logger
}

type Stored = Manifest & { readonly metadata: StoredMeta }

/** What stands between an applied object and its pods. */
const between: Readonly<Record<string, Resource<Manifest>>> = {
  Deployment: {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    plural: 'replicasets',
    isNamespaced: true,
  },
  CronJob: { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs', isNamespaced: true },
}

/** Deleted pods that are remembered; of a Deployment that is restarted for days there is no end. */
const maxGonePods = 5000

/** Follows from `start` until disposed of. */
export class RunWatch implements AsyncDisposable {
  readonly #options: RunWatchOptions
  readonly #roots: ReadonlySet<string>
  readonly #informers: Informer<Stored>[] = []
  readonly #podInformers: Informer<Pod>[] = []
  readonly #eventInformers: Informer<Event>[] = []
  /** The newest warning, by the pod's uid. */
  readonly #warnings = new Map<string, Event>()
  readonly #owners = new Map<string, string>()
  readonly #states = new Map<string, RootState>()
  readonly #gone = new Map<string, Pod>()
  readonly #listeners = new Set<() => void>()
  readonly #resources = new AsyncDisposableStack()

  constructor(access: ClusterAccess, options: RunWatchOptions) {
    this.#options = options
    const { roots, clock, log } = options
    this.#roots = new Set(roots.map(({ uid }) => uid))
    for (const namespace of new Set(roots.map((root) => root.namespace ?? 'default'))) {
      const scope = { namespace, clock, log }
      for (const resource of resourcesOf(roots, namespace)) {
        const watched = resource as Resource<Stored>
        const informer = new Informer<Stored>(access.client, watched, scope)
        informer.onChange((change) => this.#seen(change))
        this.#informers.push(this.#resources.use(informer))
      }
      const options = { ...scope, transform: withoutBulk<Pod> }
      const informer = new Informer<Pod>(access.client, podResource, options)
      informer.onChange((change) => this.#podSeen(change))
      this.#podInformers.push(this.#resources.use(informer))
      this.#eventInformers.push(this.#resources.use(this.#warningsOf(access, namespace)))
    }
  }

  /** Resolves once everything has been read. */
  async start(signal: AbortSignal): Promise<void> {
    const all = [...this.#informers, ...this.#podInformers]
    // Nobody waits for events: there are clusters where they may not be read.
    for (const informer of [...all, ...this.#eventInformers]) informer.start()
    await Promise.all(all.map((informer) => informer.whenSynced(signal)))
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** The last known state of all. */
  world(): RunWorld {
    const { roots, clock } = this.#options
    return { roots, states: this.#states, pods: [...this.pods()], nowMs: clock.nowMs() }
  }

  /** The pods of the run, deleted ones too, in the order of their making. */
  pods(): readonly TrackedPod[] {
    const found: TrackedPod[] = []
    const add = (pod: Pod, isGone: boolean): void => {
      const rootUid = this.#rootOf(pod.metadata.uid)
      if (rootUid === undefined) return
      const { reason, message } = this.#warnings.get(pod.metadata.uid) ?? {}
      const warning = reason === undefined ? undefined : { reason, message }
      found.push({ pod, rootUid, isGone, warning })
    }
    for (const pod of this.#gone.values()) add(pod, true)
    for (const informer of this.#podInformers) for (const pod of informer.list()) add(pod, false)
    return found.sort((one, other) => compare(one.pod, other.pod))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear()
    await this.#resources[Symbol.asyncDispose]()
  }

  #seen({ type, object }: Change<Stored>): void {
    this.#noteOwner(object.metadata)
    const { uid } = object.metadata
    if (this.#roots.has(uid)) this.#states.set(uid, { object, isGone: type === 'deleted' })
    this.#tell()
  }

  #podSeen({ type, object }: Change<Pod>): void {
    this.#noteOwner(object.metadata)
    const { uid } = object.metadata
    if (this.#roots.has(uid)) {
      const state = object as unknown as Manifest
      this.#states.set(uid, { object: state, isGone: type === 'deleted' })
    }
    if (type === 'deleted') this.#keepGone(object)
    this.#tell()
  }

  #keepGone(pod: Pod): void {
    const { uid } = pod.metadata
    if (this.#rootOf(uid) === undefined) this.#warnings.delete(uid)
    else this.#gone.set(uid, pod)
    const [oldest] = this.#gone.keys()
    if (this.#gone.size <= maxGonePods || oldest === undefined) return
    this.#gone.delete(oldest)
    this.#warnings.delete(oldest)
  }

  #warningsOf(access: ClusterAccess, namespace: string): Informer<Event> {
    const { clock } = this.#options
    const fieldSelector = 'involvedObject.kind=Pod,type=Warning'
    // Where they may not be read nobody misses them.
    const scope = { namespace, fieldSelector, clock, log: silentLogger }
    const informer = new Informer<Event>(access.client, eventResource, scope)
    informer.onChange(({ type, object }) => {
      const { uid } = object.involvedObject
      if (type === 'deleted' || uid === undefined) return
      const newest = this.#warnings.get(uid)
      if (newest && lastSeen(newest) > lastSeen(object)) return
      this.#warnings.set(uid, object)
      this.#tell()
    })
    return informer
  }

  #noteOwner({ uid, ownerReferences }: StoredMeta): void {
    const owner = ownerReferences?.find(({ controller }) => controller)
    if (owner) this.#owners.set(uid, owner.uid)
  }

  #rootOf(uid: string): string | undefined {
    let current: string | undefined = uid
    for (let depth = 0; current !== undefined && depth < 5; depth += 1) {
      if (this.#roots.has(current)) return current
      current = this.#owners.get(current)
    }
    return undefined
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function resourcesOf(
  roots: readonly AppliedObject[],
  namespace: string,
): readonly Resource<Manifest>[] {
  const found = new Map<string, Resource<Manifest>>()
  for (const { resource, namespace: own = 'default' } of roots) {
    if (own !== namespace || resource.kind === 'Pod') continue
    const link = between[resource.kind]
    for (const one of link ? [resource, link] : [resource]) {
      found.set(`${one.apiVersion}/${one.plural}`, one)
    }
  }
  return [...found.values()]
}

/** Times of the API, which sort as text. */
function lastSeen({ series, lastTimestamp, eventTime }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? ''
}

function compare({ metadata: one }: Pod, { metadata: other }: Pod): number {
  const made = (one.creationTimestamp ?? '').localeCompare(other.creationTimestamp ?? '')
  return made === 0 ? naturalOrder.compare(one.name, other.name) : made
}

const naturalOrder = new Intl.Collator('en', { numeric: true })
