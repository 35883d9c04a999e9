// SPDX-License-Identifier: Apache-2.0
// A pod provider over the fake container runtime, in a temporary directory and on a clock of the
// test's own, which can be killed and started again.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { RecordedEvent } from '../../src/kube/event-recorder.ts'
import type { ContainerStatus, Pod } from '../../src/kube/types.gen.ts'
import type {
  CallContext,
  ClaimedVolume,
  ObservedPod,
  PodProvider,
  PodRef,
  PodRequest,
  ProviderHost,
  VolumeFiles,
} from '../../src/provider/provider.ts'
import {
  createRuntimeProvider,
  type RuntimeProviderOptions,
} from '../../src/runtime/runtime-provider.ts'
import type { ContainerRuntime } from '../../src/runtime/container-runtime.ts'
import { FakeClock } from '../../src/util/fake-clock.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { FakeContainerRuntime } from './fake-container-runtime.ts'

export interface WorldEvent extends RecordedEvent {
  readonly pod: string
  readonly container?: string | undefined
}

const patienceMs = 60_000

/** Everything around one provider. */
export class RuntimeWorld implements AsyncDisposable {
  readonly clock: FakeClock = new FakeClock()
  readonly runtime: FakeContainerRuntime
  readonly events: WorldEvent[] = []
  readonly context: CallContext = { signal: new AbortController().signal, log: silentLogger }
  /** Every state that was pushed, in order. */
  readonly pushed: ObservedPod[] = []
  /** Thrown by the next resolutions of a container. */
  readonly resolveErrors: Error[] = []
  volumeFiles: (name: string) => VolumeFiles = () => ({ files: [] })
  claimedVolume: (name: string) => ClaimedVolume = (name) => {
    throw new Error(`no claim for volume ${name}`)
  }
  /** What the next start is told of the node beside the usual. */
  host: Partial<ProviderHost> = {}
  /** For the next provider. */
  eviction: ProviderHost['eviction']
  readonly #options: RuntimeProviderOptions
  readonly #dirs: string[] = []
  #provider: PodProvider | undefined
  #rootDir = ''

  private constructor(options: RuntimeProviderOptions) {
    this.#options = options
    this.runtime = new FakeContainerRuntime(this.clock)
  }

  static async open(
    options: RuntimeProviderOptions = {},
    runtime: Partial<Pick<FakeContainerRuntime, 'features' | 'volumes'> & ContainerRuntime> = {},
  ): Promise<RuntimeWorld> {
    const world = new RuntimeWorld(options)
    Object.assign(world.runtime, runtime)
    world.#rootDir = await mkdtemp(join(tmpdir(), 'vk-runtime-'))
    world.#dirs.push(world.#rootDir)
    await world.start()
    return world
  }

  get provider(): PodProvider {
    if (!this.#provider) throw new Error('the provider does not run')
    return this.#provider
  }

  get rootDir(): string {
    return this.#rootDir
  }

  /** Starts a provider on the present directory. */
  async start(): Promise<void> {
    const host: ProviderHost = {
      nodeName: 'node',
      clusterId: 'cluster',
      nodeIPs: ['10.0.0.1'],
      os: 'linux',
      rootDir: this.#rootDir,
      protectedDir: this.#rootDir,
      clock: this.clock,
      log: silentLogger,
      ...(this.eviction && { eviction: this.eviction }),
      recordEvent: ({ name: pod }, event, container) =>
        void this.events.push({ ...event, pod, container }),
      recordNodeEvent: (event) => void this.events.push({ ...event, pod: '' }),
      ...this.host,
    }
    this.#provider = await createRuntimeProvider(this.runtime.reopen(), host, this.#options)
    this.#provider.watchPods?.((pod) => this.pushed.push(pod))
  }

  /** Ends the provider in good order. */
  async stop(): Promise<void> {
    await this.#provider?.[Symbol.asyncDispose]()
    this.#provider = undefined
  }

  /** kill -9: what is on the disk at this moment is all that the next provider finds. */
  async kill(): Promise<void> {
    const next = await mkdtemp(join(tmpdir(), 'vk-runtime-'))
    this.#dirs.push(next)
    await copyAsIs(this.#rootDir, next)
    await this.stop()
    this.#rootDir = next
  }

  async restartAfterKill(): Promise<void> {
    await this.kill()
    await this.start()
  }

  async create(pod: Pod): Promise<PodRef> {
    await this.provider.createPod(this.request(pod), this.context)
    return refOf(pod)
  }

  async delete(ref: PodRef, gracePeriodSeconds = 30): Promise<void> {
    await this.provider.deletePod(ref, { gracePeriodSeconds }, this.context)
  }

  request(pod: Pod): PodRequest {
    return {
      pod,
      resolveContainer: async (name) => {
        const error = this.resolveErrors.shift()
        if (error) throw error
        return { name, command: [], args: [], env: [] }
      },
      resolveVolume: async (name) => this.volumeFiles(name),
      resolveClaim: async (name) => this.claimedVolume(name),
    }
  }

  async observed({ uid }: PodRef): Promise<ObservedPod | undefined> {
    const pods = await this.provider.listPods(this.context)
    return pods.find((pod) => pod.ref.uid === uid)
  }

  async status(ref: PodRef, container = 'main'): Promise<ContainerStatus | undefined> {
    const observed = await this.observed(ref)
    return observed?.containers.find(({ name }) => name === container)
  }

  /** Waits for real I/O, with the clock standing still, until the pod is as asked. */
  async until(ref: PodRef, isAsAsked: (pod: ObservedPod) => boolean): Promise<ObservedPod> {
    let observed: ObservedPod | undefined
    await this.eventually(async () => {
      observed = await this.observed(ref)
      return observed !== undefined && isAsAsked(observed)
    })
    if (!observed) throw new Error('unreachable')
    return observed
  }

  async eventually(isSo: () => Promise<boolean> | boolean): Promise<void> {
    const startMs = performance.now()
    while (!(await isSo())) {
      const waitedMs = performance.now() - startMs
      if (waitedMs > patienceMs) throw new Error('It never became so')
      // Fires what fell due while real I/O was under way. The time stands still, but for machines so busy
      // that a retry was planned only after the test had moved the clock beyond it.
      await this.clock.advance(waitedMs > 1000 ? 50 : 0)
    }
  }

  /** Waits until the pod's container runs its `attempt`th restart. */
  untilRunning(ref: PodRef, restartCount = 0, container = 'main'): Promise<ObservedPod> {
    return this.until(ref, ({ containers }) =>
      containers.some(
        (one) => one.name === container && one.restartCount === restartCount && one.state?.running,
      ),
    )
  }

  /** Gives real I/O time to do what it should not do. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await turn()
  }

  /** Waits until a retry is planned within `ms`, then moves the clock there. */
  async passToRetry(ms: number): Promise<void> {
    // Polls are planned, too: what has just failed gets the time to plan its own.
    await this.settle()
    await this.eventually(() => (this.clock.nextInMs ?? Infinity) <= ms)
    await this.clock.advance(ms)
  }

  /** Lets what is under way come to rest, then moves the clock. */
  async pass(ms: number): Promise<void> {
    await this.settle()
    await this.clock.advance(ms)
  }

  eventsOf(reason: string): readonly string[] {
    return this.events.filter((event) => event.reason === reason).map(({ message }) => message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    for (const dir of this.#dirs) await rm(dir, { recursive: true, force: true })
  }
}

export function refOf({ metadata: { namespace, name, uid } }: Pod): PodRef {
  return { namespace, name, uid }
}

/** Files come and go while they are copied; what vanishes in between was not there. */
async function copyAsIs(from: string, to: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await cp(from, to, { recursive: true, verbatimSymlinks: true })
      return
    } catch (error) {
      if (tries === 20 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
