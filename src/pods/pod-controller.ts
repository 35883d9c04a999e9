// SPDX-License-Identifier: Apache-2.0
// The reconcile loop of one node's pods, put together: watch -> cache -> queue by UID -> worker ->
// backend, and the backend's news -> worker -> status writer -> API. Events only wake; the worker looks.
// Nothing is done before the pod cache is synced and the backend has listed what it runs, so that a
// start in the middle of anything finds out first where things stand.
import { Informer } from '../kube/informer.ts'
import type { Change } from '../kube/informer.ts'
import { pods } from '../kube/resources.ts'
import type { Pod } from '../kube/types.gen.ts'
import { WorkQueue } from '../kube/work-queue.ts'
import { whenAborted } from '../util/until-aborted.ts'
import { BackendWatch } from './backend-watch.ts'
import { BackendNews } from './backend-news.ts'
import { isTerminal, mayRun } from './decide-pod.ts'
import { refOf } from './known-pod.ts'
import type { PodRecord } from './known-pod.ts'
import { withoutBulk } from '../kube/without-bulk.ts'
import { NodeServices } from './node-services.ts'
import { observeProvider } from './observed-provider.ts'
import { PodAnswers } from './pod-answers.ts'
import type { PodControllerDeps, PodControllerOptions } from './pod-controller-options.ts'
import { PodDrain } from './pod-drain.ts'
import type { PodLoop } from './pod-loop.ts'
import { PodPublisher } from './pod-publisher.ts'
import { PodRecords } from './pod-records.ts'
import { PodResizes } from './pod-resizes.ts'
import { PodReferences } from './pod-references.ts'
import { hasInVolume, type ReferencedObject } from './volume-references.ts'
import { PodWorker } from './pod-worker.ts'
import { podReference } from './pod-reference.ts'
import { PodCertificates } from './certificates/pod-certificates.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'
import type { ShutdownPlan } from './shutdown-plan.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Runs the pods of one node. */
export class PodController implements AsyncDisposable {
  readonly #loop: PodLoop
  readonly #records: PodRecords
  readonly #informer: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #backend: BackendWatch
  readonly #publisher: PodPublisher
  readonly #references: PodReferences
  readonly #services: NodeServices
  readonly #ownServices: NodeServices | undefined
  readonly #tokens: ServiceAccountTokens
  readonly #certificates: PodCertificates
  readonly #resizes: PodResizes
  readonly #abort = new AbortController()
  #drain: PodDrain | undefined
  #starting: Promise<void> = Promise.resolve()

  constructor(deps: PodControllerDeps, options: PodControllerOptions) {
    const { client, clock, log, metrics } = deps
    const { nodeName } = options
    const shared = { clock, log, ...(metrics && { metrics }) }
    this.#records = new PodRecords({ nodeName, clock, metrics })
    this.#loop = this.#makeLoop(deps, options)
    this.#informer = new Informer(client, pods, {
      ...shared,
      fieldSelector: `spec.nodeName=${nodeName}`,
      transform: withoutBulk,
    })
    this.#services = deps.services ?? new NodeServices(client, shared)
    this.#ownServices = deps.services ? undefined : this.#services
    this.#tokens = new ServiceAccountTokens(client, shared)
    this.#certificates = new PodCertificates({
      client,
      clock,
      log,
      nodeName,
      record: (pod, event) => deps.recorder.record(podReference(pod), event),
    })
    this.#resizes = new PodResizes(this.#loop)
    this.#records.admitted.onRelease = () => this.#resizes.retry()
    this.#references = new PodReferences(client, {
      ...shared,
      onChange: (uid, object) => this.#referenceChanged(uid, object),
    })
    this.#publisher = new PodPublisher(this.#loop, { concurrency: options.statusConcurrency })
    const news = new BackendNews(this.#loop, {
      track: (ref, urgency) => this.#backend.track(ref, urgency),
      untrack: (uid) => this.#backend.untrack(uid),
      compare: (record) => this.#compareWithCache(record),
    })
    this.#backend = new BackendWatch(this.#loop.provider, news, { ...shared, ...pick(options) })
    const worker = this.#makeWorker(deps, options)
    this.#queue = new WorkQueue(
      async (uid, context) => {
        const result = await worker.work(uid, context)
        this.#drain?.looked()
        return result
      },
      { ...shared, name: 'pods', concurrency: options.workers ?? 50 },
    )
  }

  /** Resolves when the pod cache is synced; work begins once the backend has listed its pods too. */
  async start(): Promise<void> {
    this.#informer.onChange((change) => this.#apiChanged(change))
    this.#informer.start()
    await this.#informer.whenSynced(this.#abort.signal)
    this.#backend.start()
    this.#starting = this.#startWorkers()
  }

  /** The node's pods with our newest statuses, mirror pods of others left out. */
  *pods(): Iterable<Pod> {
    for (const { api, wanted } of this.#records) {
      if (api) yield wanted ? { ...api, status: { ...api.status, ...wanted } } : api
    }
  }

  /** The pod of this name with our newest status. */
  findPod(namespace: string, name: string): Pod | undefined {
    for (const { api, wanted } of this.#records.named({ namespace, name })) {
      if (api) return wanted ? { ...api, status: { ...api.status, ...wanted } } : api
    }
    return undefined
  }

  /** Keys that wait for a worker and statuses that wait for the API. */
  get backlog(): number {
    return this.#queue.depth + this.#publisher.backlog
  }

  /**
   * Ends all pods, in the order of the plan where there is one, and publishes them as terminated by the
   * node's shutdown. Resolves when the API has that of every pod, or when the signal aborts. New pods are
   * rejected from now on.
   */
  async drain(signal: AbortSignal, plan?: ShutdownPlan): Promise<void> {
    this.#drain = new PodDrain({
      clock: this.#loop.clock,
      plan,
      records: () => this.#records,
      wake: (uid) => this.#queue.add(uid),
      isOver: () => this.#isDrained(),
    })
    await this.#drain.run(signal)
  }

  /** Stops looking and writing. Pods run on in the backend. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    this.#resizes[Symbol.dispose]()
    await this.#informer[Symbol.asyncDispose]()
    await this.#backend[Symbol.asyncDispose]()
    await this.#starting
    await this.#queue[Symbol.asyncDispose]()
    await this.#publisher[Symbol.asyncDispose]()
    await this.#references[Symbol.asyncDispose]()
    await this.#ownServices?.[Symbol.asyncDispose]()
  }

  #makeLoop(deps: PodControllerDeps, options: PodControllerOptions): PodLoop {
    const { client, provider, recorder, clock, log, metrics, nodeFacts, nodeIPs } = deps
    const { nodeName, providerName = 'provider', featureCheck = 'strict' } = options
    return {
      nodeName,
      client,
      recorder,
      clock,
      log,
      metrics,
      featureCheck,
      nodeFacts,
      nodeIPs,
      provider: observeProvider(provider, {
        name: providerName,
        clock,
        metrics,
        ...(options.providerTimeoutMs !== undefined && { timeoutMs: options.providerTimeoutMs }),
      }),
      records: this.#records,
      isDraining: () => this.#drain !== undefined,
      shutdownOrder: (pod) => this.#drain?.orderFor(pod),
      wake: (uid) => this.#queue.add(uid),
    }
  }

  #makeWorker(deps: PodControllerDeps, options: PodControllerOptions): PodWorker {
    const { client, clock, recorder, nodeFacts } = deps
    return new PodWorker({
      loop: this.#loop,
      publisher: this.#publisher,
      backend: this.#backend,
      resizes: this.#resizes,
      answers: new PodAnswers({
        client,
        clock,
        recorder,
        nodeFacts,
        nodeName: options.nodeName,
        podApiServer: options.podApiServer,
        references: this.#references,
        services: this.#services,
        tokens: this.#tokens,
        certificates: this.#certificates,
      }),
      release: (uid) => {
        this.#references.release(uid)
        this.#tokens.release(uid)
        this.#certificates.release(uid)
        this.#resizes.forget(uid)
      },
    })
  }

  async #startWorkers(): Promise<void> {
    const { signal } = this.#abort
    await Promise.race([this.#backend.whenListed(), whenAborted(signal)])
    if (!signal.aborted) this.#queue.start()
  }

  #apiChanged({ type, object }: Change<Pod>): void {
    if (object.metadata.annotations?.[mirrorAnnotation] !== undefined) return
    if (type === 'deleted') {
      const record = this.#records.get(object.metadata.uid)
      if (record) this.#apiLost(record)
      return
    }
    const isNew = !this.#records.get(object.metadata.uid)?.api
    const record = this.#records.ensure(refOf(object))
    // A pod that runs already when it is first seen was started before this process.
    if (isNew) record.isStartMeasured ||= object.status?.phase === 'Running'
    if (this.#records.noteApi(record, object) === 'changed') this.#queue.add(record.ref.uid)
  }

  #apiLost(record: PodRecord): void {
    this.#records.noteGone(record)
    this.#queue.add(record.ref.uid)
  }

  // A pod that waits for an object need not wait for its back-off as well, and one that has the object's
  // content in a volume gets the new one.
  #referenceChanged(uid: string, object: ReferencedObject): void {
    const record = this.#records.get(uid)
    if (!record) return
    if (record.accepted) {
      if (!isWaitingToStart(record) && !hasInVolume(record.accepted, object)) return
      record.isNudged = true
    } else if (!record.problem) return
    record.retryAtMs = 0
    this.#queue.add(uid)
  }

  // Records learn of the API from watch events; this finds one that an event was lost for.
  #compareWithCache(record: PodRecord): void {
    const { api, ref } = record
    if (!api) return
    const cached = this.#informer.get(ref.name, ref.namespace)
    if (cached?.metadata.uid !== ref.uid) this.#apiLost(record)
  }

  #isDrained(): boolean {
    for (const record of this.#records) {
      const { api, verdict } = record
      if (mayRun(record)) return false
      if (api && !isTerminal(api) && verdict?.kind !== 'unsupported') return false
    }
    return true
  }
}

function pick({ reconcileIntervalMs, pollIntervalMs }: PodControllerOptions): {
  readonly reconcileIntervalMs?: number
  readonly pollIntervalMs?: number
} {
  return {
    ...(reconcileIntervalMs !== undefined && { reconcileIntervalMs }),
    ...(pollIntervalMs !== undefined && { pollIntervalMs }),
  }
}

const startingReasons = new Set([
  'CreateContainerConfigError',
  'ContainerCreating',
  'PodInitializing',
])

/** A container of it has not started for want of something, as far as the backend has said. */
function isWaitingToStart({ observed }: PodRecord): boolean {
  const all = [...(observed?.containers ?? []), ...(observed?.initContainers ?? [])]
  return all.some(({ state }) => startingReasons.has(state?.waiting?.reason ?? ''))
}
