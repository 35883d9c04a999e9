// SPDX-License-Identifier: Apache-2.0
// A container runtime in memory: containers end when the test says so, starts and stops fail on order,
// and what runs outlives the provider, as processes do.
import type { Features } from '../../src/provider/features.ts'
import type { NodeDescription, PodRef } from '../../src/provider/provider.ts'
import type { ContainerStats } from '../../src/provider/stats.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  ContainerStart,
  ContainerState,
  RuntimeContainer,
  SandboxState,
  VolumeSupport,
} from '../../src/runtime/container-runtime.ts'
import type { Clock } from '../../src/util/clock.ts'

interface FakeContainer {
  readonly start: ContainerStart
  run: RuntimeContainer
  /** Called when it has ended. */
  readonly waiters: (() => void)[]
}

export interface StopCall {
  readonly key: ContainerKey
  readonly graceMs: number
}

/** What outlives a provider: the containers themselves, and the test's orders. */
export class FakeContainerRuntime implements ContainerRuntime {
  readonly name: string = 'fake'
  features: Features = { multipleContainers: true }
  volumes: VolumeSupport = { delivery: 'variable' }
  exec?: NonNullable<ContainerRuntime['exec']>
  dial?: NonNullable<ContainerRuntime['dial']>
  /** Every start that succeeded, in order. */
  readonly starts: ContainerStart[] = []
  readonly stops: StopCall[] = []
  /** Another one, and all pods find themselves in new sandboxes. */
  sandboxId: string = '1'
  /** Runs tell where they were started. */
  tellsSandboxes: boolean = false
  readonly sandboxes: Set<string> = new Set()
  /** A stop ends the container with this code, at once; undefined: it ignores TERM. */
  exitCodeOnStop: number | undefined = 143
  /** Thrown by the next starts. */
  readonly startErrors: Error[] = []
  readonly sandboxErrors: Error[] = []
  readonly stopErrors: Error[] = []
  /** The next start takes effect, but its caller is told otherwise. */
  loseNextReply = false
  /** Changes are told only by lists. */
  isMute = false
  isDisposed = false
  readonly #clock: Clock
  readonly #containers = new Map<string, FakeContainer>()
  readonly #listeners = new Set<(run: RuntimeContainer) => void>()
  #ids = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async ensureSandbox(pod: { readonly metadata: { readonly uid: string } }): Promise<SandboxState> {
    const error = this.sandboxErrors.shift()
    if (error) throw error
    this.sandboxes.add(pod.metadata.uid)
    return { podIPs: ['10.1.2.3'], id: this.sandboxId }
  }

  async removeSandbox(pod: PodRef): Promise<void> {
    for (const { run } of this.#containers.values()) {
      if (run.key.pod.uid === pod.uid && run.state.kind === 'running') this.exit(run.key, 137)
    }
    this.sandboxes.delete(pod.uid)
  }

  async startContainer(start: ContainerStart): Promise<RuntimeContainer> {
    const known = this.#containers.get(idOf(start.key))
    if (known) return known.run
    const error = this.startErrors.shift()
    if (error) throw error
    const run: RuntimeContainer = {
      key: start.key,
      containerId: `fake://${(this.#ids += 1)}`,
      image: start.spec.image ?? '',
      imageId: 'sha256:fake',
      state: { kind: 'running', startedAtMs: this.#clock.nowMs() },
      ...(this.tellsSandboxes && { sandboxId: this.sandboxId }),
    }
    this.#containers.set(idOf(start.key), { start, run, waiters: [] })
    this.starts.push(start)
    if (this.loseNextReply) {
      this.loseNextReply = false
      throw new Error('connection reset')
    }
    return run
  }

  async stopContainer(
    key: ContainerKey,
    { graceMs }: { readonly graceMs: number },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    this.stops.push({ key, graceMs })
    const error = this.stopErrors.shift()
    if (error) throw error
    const container = this.#containers.get(idOf(key))
    if (container?.run.state.kind !== 'running') return
    if (this.exitCodeOnStop !== undefined) return this.exit(key, this.exitCodeOnStop)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    container.waiters.push(resolve)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    using _kill = this.#clock.setTimer(graceMs, () => this.exit(key, 137))
    await promise
  }

  async removeContainer(key: ContainerKey): Promise<void> {
    this.#containers.delete(idOf(key))
  }

  async listContainers(): Promise<readonly RuntimeContainer[]> {
    return [...this.#containers.values()].map(({ run }) => run)
  }

  watchContainers(notify: (run: RuntimeContainer) => void): Disposable {
    this.#listeners.add(notify)
    return { [Symbol.dispose]: () => void this.#listeners.delete(notify) }
  }

  async containerStats(
    keys: readonly ContainerKey[],
  ): Promise<readonly { readonly key: ContainerKey; readonly stats: ContainerStats }[]> {
    const time = new Date(this.#clock.nowMs()).toISOString()
    return keys.map((key) => ({
      key,
      stats: {
        name: key.name,
        startTime: time,
        cpu: { time, usageNanoCores: 5, usageCoreNanoSeconds: 100 },
        memory: { time, usageBytes: 1000, workingSetBytes: 1000 },
      },
    }))
  }

  async describeNode(): Promise<NodeDescription> {
    return {
      capacity: { cpu: '1', memory: '1Gi', pods: '10', 'ephemeral-storage': '1Gi' },
      runtimeVersion: 'fake://1',
    }
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true
  }

  /** Ends a container; returns false when it did not run. */
  exit(key: ContainerKey, exitCode: number): void {
    this.#end(key, (startedAtMs) => ({
      kind: 'exited',
      startedAtMs,
      finishedAtMs: this.#clock.nowMs(),
      exitCode,
    }))
  }

  /** A container ends and nobody saw how. */
  lose(key: ContainerKey): void {
    this.#end(key, (startedAtMs) => ({ kind: 'lost', startedAtMs }))
  }

  /** The runtime forgets a container altogether. */
  forget(key: ContainerKey): void {
    this.#containers.delete(idOf(key))
  }

  /** Keys of what runs. */
  running(): readonly ContainerKey[] {
    return [...this.#containers.values()]
      .filter(({ run }) => run.state.kind === 'running')
      .map(({ run }) => run.key)
  }

  /** When a run began that is going on. */
  startedAtMs(key: ContainerKey): number | undefined {
    const state = this.#containers.get(idOf(key))?.run.state
    return state?.kind === 'running' ? state.startedAtMs : undefined
  }

  /** The same containers for a provider's next life. */
  reopen(): this {
    this.isDisposed = false
    this.#listeners.clear()
    return this
  }

  #end(key: ContainerKey, stateOf: (startedAtMs: number) => ContainerState): void {
    const container = this.#containers.get(idOf(key))
    if (container?.run.state.kind !== 'running') return
    container.run = { ...container.run, state: stateOf(container.run.state.startedAtMs) }
    for (const done of container.waiters) done()
    if (this.isMute) return
    for (const notify of this.#listeners) notify(container.run)
  }
}

function idOf({ pod, name, attempt }: ContainerKey): string {
  return `${pod.uid}/${name}/${attempt}`
}
