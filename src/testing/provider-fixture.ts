// SPDX-License-Identifier: Apache-2.0
// One opened provider for one check: makes pods, waits for what they should become, and at the end
// removes them and sees to it that the backend holds nothing any more.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { Container, ContainerStatus, Pod, PodSpec } from '../kube/types.gen.ts'
import type {
  CallContext,
  ObservedPod,
  PodProvider,
  PodRef,
  PodRequest,
  ProviderHost,
} from '../provider/provider.ts'
import { systemClock } from '../util/clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import type { ConformanceOptions, Workload } from './conformance-options.ts'

const pollMs = 20

/** A provider under test, and the pods that were made on it. */
export class ProviderFixture implements AsyncDisposable {
  readonly host: ProviderHost
  /** Events that the provider recorded. */
  readonly events: readonly RecordedEvent[]
  readonly timeoutMs: number
  /** Aborts when the check is over: whoever has joined a pod until then has left. */
  readonly over: AbortSignal
  readonly #over = new AbortController()
  readonly #options: ConformanceOptions
  readonly #refs: PodRef[] = []
  #provider: PodProvider

  private constructor(
    options: ConformanceOptions,
    opened: { host: ProviderHost; provider: PodProvider; events: readonly RecordedEvent[] },
  ) {
    this.#options = options
    this.timeoutMs = options.timeoutMs ?? 60_000
    this.over = this.#over.signal
    this.host = opened.host
    this.events = opened.events
    this.#provider = opened.provider
  }

  /** Opens the provider in a directory of its own. */
  static async open(options: ConformanceOptions): Promise<ProviderFixture> {
    const protectedDir = await mkdtemp(join(tmpdir(), 'vk-conformance-'))
    const events: RecordedEvent[] = []
    const host: ProviderHost = {
      nodeName: 'conformance',
      clusterId: randomUUID(),
      nodeIPs: ['127.0.0.1'],
      os: 'linux',
      rootDir: protectedDir,
      protectedDir,
      clock: systemClock,
      log: silentLogger,
      recordEvent: (_ref, event) => void events.push(event),
    }
    try {
      return new ProviderFixture(options, { host, events, provider: await options.open(host) })
    } catch (error) {
      await rm(protectedDir, { recursive: true, force: true })
      throw error
    }
  }

  get provider(): PodProvider {
    return this.#provider
  }

  /** A context whose signal gives up after the step's time. */
  get context(): CallContext {
    return { signal: AbortSignal.timeout(this.timeoutMs), log: silentLogger }
  }

  /** A pod of these workloads, one container each; not yet created. */
  pod(workloads: Workload | readonly Workload[], spec: Partial<PodSpec> = {}): Pod {
    const all = 'container' in workloads ? [workloads] : workloads
    const uid = randomUUID()
    const annotations = Object.assign({}, ...all.map((workload) => workload.annotations))
    return {
      metadata: { namespace: 'conformance', name: `pod-${uid.slice(0, 8)}`, uid, annotations },
      spec: {
        ...Object.assign({}, ...all.map((workload) => workload.spec)),
        containers: all.map((workload, index) => containerOf(workload, `c${index}`)),
        ...spec,
      },
    }
  }

  /** Keeps a pod in mind for the end. */
  remember(pod: Pod): void {
    if (!this.#refs.some(({ uid }) => uid === pod.metadata.uid)) this.#refs.push(refOf(pod))
  }

  /** Creates the pod and keeps it in mind for the end. */
  async create(pod: Pod): Promise<void> {
    this.remember(pod)
    await this.#provider.createPod(requestFor(pod), this.context)
  }

  /** Creates the pod and waits until all its containers run. */
  async run(pod: Pod): Promise<ObservedPod> {
    await this.create(pod)
    return await this.until(pod, 'runs', isRunning)
  }

  async observe({ metadata }: Pod): Promise<ObservedPod | undefined> {
    const { namespace, name, uid } = metadata
    const statuses = await this.#provider.getPodStatuses([{ namespace, name, uid }], this.context)
    return statuses.get(uid)
  }

  /** Waits until the backend says so of the pod; fails with what it said last. */
  async until(
    pod: Pod,
    what: string,
    isSo: (observed: ObservedPod) => boolean,
  ): Promise<ObservedPod> {
    const untilMs = performance.now() + this.timeoutMs
    let last: ObservedPod | undefined
    do {
      last = await this.observe(pod)
      if (last && isSo(last)) return last
      await systemClock.sleep(pollMs)
    } while (performance.now() < untilMs)
    throw new assert.AssertionError({
      message: `the pod never came to this: ${what}; last seen: ${JSON.stringify(last)}`,
    })
  }

  async delete(pod: Pod, gracePeriodSeconds: number): Promise<void> {
    await this.#provider.deletePod(refOf(pod), { gracePeriodSeconds }, this.context)
  }

  /** Closes the provider and opens it again, as a restart of the process would. */
  async restart(): Promise<void> {
    await this.#provider[Symbol.asyncDispose]()
    this.#provider = await this.#options.open(this.host)
  }

  /** Ends every pod and makes sure that nothing is left of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    try {
      await Promise.all(this.#refs.map((ref) => this.#remove(ref)))
      const left = await this.#provider.listPods(this.context)
      assert.deepEqual(left, [], 'the backend still holds pods that were deleted and cleaned up')
    } finally {
      await this.#provider[Symbol.asyncDispose]()
      await rm(this.host.protectedDir, { recursive: true, force: true })
    }
  }

  async #remove(ref: PodRef): Promise<void> {
    await this.#provider.deletePod(ref, { gracePeriodSeconds: 1 }, this.context)
    const untilMs = performance.now() + this.timeoutMs
    while (performance.now() < untilMs) {
      const observed = (await this.#provider.getPodStatuses([ref], this.context)).get(ref.uid)
      if (!observed || observed.hasEnded) break
      await systemClock.sleep(pollMs)
    }
    await this.#provider.cleanUpPod?.(ref, this.context)
  }
}

/** The reference of a pod. */
export function refOf({ metadata: { namespace, name, uid } }: Pod): PodRef {
  return { namespace, name, uid }
}

/** Every container has started and none has ended. */
export function isRunning({ containers }: ObservedPod): boolean {
  return containers.length > 0 && containers.every(({ state }) => state?.running !== undefined)
}

/** The status of a pod's only or first container. */
export function firstContainer({ containers }: ObservedPod): ContainerStatus {
  const [first] = containers
  assert.ok(first, 'the pod has a container status')
  return first
}

/** A request whose containers are taken as they are written. */
export function requestFor(pod: Pod): PodRequest {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  return {
    pod,
    resolveContainer: (name) => {
      const all = [...containers, ...initContainers, ...ephemeralContainers]
      const container = all.find((candidate) => candidate.name === name)
      if (!container) {
        return Promise.reject(
          new VkError('NotFound', `Cannot resolve container "${name}": unknown`),
        )
      }
      const { command = [], args = [], env = [] } = container
      const resolved = env.map(({ name, value = '' }) => ({ name, value, isSecret: false }))
      return Promise.resolve({ name, command, args, env: resolved })
    },
    resolveVolume: (name) =>
      Promise.reject(new VkError('NotFound', `Cannot resolve volume "${name}": unknown`)),
    resolveClaim: (name) =>
      Promise.reject(new VkError('NotFound', `Cannot resolve claim "${name}": unknown`)),
  }
}

function containerOf({ container }: Workload, name: string): Container {
  return { name, image: 'conformance', ...container }
}
