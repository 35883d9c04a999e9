// SPDX-License-Identifier: Apache-2.0
// What a pod needs before its first container: a sandbox and its volumes. Both are made at the same time;
// a failure is told by an event and tried again, with the containers still ContainerCreating.
import { rm } from 'node:fs/promises'
import type { Pod } from '../kube/types.gen.ts'
import type { PodRef, PodRequest } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { messageOf } from '../util/vk-error.ts'
import type { SandboxState } from './container-runtime.ts'
import { makeDir } from './disk.ts'
import { PodFiles } from './files/pod-files.ts'
import type { MachineDeps } from './machine-deps.ts'
import { containersDir, podDir } from './pod-dirs.ts'
import { needsAddress } from './volumes/pod-volume-list.ts'
import { PodVolumes } from './volumes/pod-volumes.ts'

/** A passing failure, such as a token refused while the API server catches up, costs little. */
const backoff: BackoffOptions = { baseMs: 250, factor: 2, capMs: 60_000, jitter: 0.25 }

/** How long a kubelet waits for a pod's volumes before it says so. */
const unmountedAfterMs = 123_000

/** Sandbox and volumes of one pod. */
export class PodPreparation {
  readonly volumes: PodVolumes
  readonly #deps: MachineDeps
  readonly #ref: PodRef
  readonly #log: Logger
  readonly #files: PodFiles
  #sandbox: SandboxState | undefined
  #sandboxRetryAtMs: number | undefined
  #volumesRetryAtMs: number | undefined
  #sandboxFailures = 0
  #unmountedAtMs: number | undefined
  readonly #volumeFailures = new Map<string, number>()

  constructor(deps: MachineDeps, { ref, log }: { ref: PodRef; log: Logger }) {
    this.#deps = deps
    this.#ref = ref
    this.#log = log
    this.volumes = new PodVolumes(deps)
    this.#files = new PodFiles(deps, ref)
  }

  /** Undefined until the sandbox is there. */
  get sandbox(): SandboxState | undefined {
    return this.#sandbox
  }

  /** May containers be started? */
  isReady(pod: Pod | undefined): boolean {
    return pod !== undefined && this.#sandbox !== undefined && this.volumes.isThere(pod)
  }

  /** When `prepare` has something to do again. */
  get wakeAtMs(): number | undefined {
    const times = [
      this.#sandboxRetryAtMs,
      this.#volumesRetryAtMs,
      this.#unmountedAtMs,
      this.volumes.refreshAtMs,
    ]
    const earliest = Math.min(...times.map((atMs) => atMs ?? Infinity))
    return earliest === Infinity ? undefined : earliest
  }

  /**
   * The pod or something it refers to has changed: the next `prepare` does not wait for what failed
   * before, and asks for the files of volumes again.
   */
  retryNow(): void {
    this.volumes.changed()
    this.#sandboxRetryAtMs = undefined
    this.#volumesRetryAtMs = undefined
  }

  /** The pod has ended. */
  async stopSandbox(): Promise<void> {
    const { signal } = new AbortController()
    await this.#deps.runtime.stopSandbox?.(this.#ref, { signal, log: this.#log })
  }

  /** The sandbox is not there any more. */
  sandboxEnded(): void {
    this.#sandbox = undefined
  }

  /** Makes what is missing and due. Never rejects; `isReady` tells. */
  async prepare(request: PodRequest, signal: AbortSignal): Promise<void> {
    const sandbox = this.#ensureSandbox(request.pod, signal)
    if (needsAddress(request.pod)) await sandbox
    await Promise.all([sandbox, this.#writeVolumes(request, signal)])
  }

  /** Removes the pod's directory, the record last: what is half removed is found again. */
  async removeDirs(): Promise<void> {
    const { rootDir } = this.#deps.host
    await this.volumes.whenWritten()
    await rm(containersDir(rootDir, this.#ref.uid), { recursive: true, force: true })
    await rm(podDir(rootDir, this.#ref.uid), { recursive: true, force: true })
  }

  async #ensureSandbox(pod: Pod, signal: AbortSignal): Promise<void> {
    if (this.#sandbox || this.#isEarly(this.#sandboxRetryAtMs)) return
    const { host, runtime } = this.#deps
    try {
      const dir = podDir(host.rootDir, this.#ref.uid)
      await makeDir(dir)
      const options = { podDir: dir, ...(await this.#files.prepare(pod)) }
      this.#sandbox = await runtime.ensureSandbox(pod, options, { signal, log: this.#log })
      this.#sandboxRetryAtMs = undefined
      this.#sandboxFailures = 0
    } catch (error) {
      if (signal.aborted) return
      this.#sandboxRetryAtMs = host.clock.nowMs() + backoffMs(++this.#sandboxFailures, backoff)
      const message = `Failed to create pod sandbox: ${messageOf(error)}`
      host.recordEvent(this.#ref, { type: 'Warning', reason: 'FailedCreatePodSandBox', message })
    }
  }

  async #writeVolumes(request: PodRequest, signal: AbortSignal): Promise<void> {
    const { pod } = request
    if (!this.#isEarly(this.#volumesRetryAtMs)) {
      this.#volumesRetryAtMs = undefined
      const writes = this.volumes.toWrite(pod).map((name) => this.#write(request, name, signal))
      await Promise.all(writes)
    }
    if (!signal.aborted) this.#tellOfUnmounted(pod)
  }

  async #write(request: PodRequest, name: string, signal: AbortSignal): Promise<void> {
    const { host } = this.#deps
    const facts = { podIPs: this.#sandbox?.podIPs ?? [], hostIPs: host.nodeIPs }
    try {
      const context = { signal, log: this.#log }
      await untilAborted(this.volumes.write(request, name, { facts, context }), signal)
      this.#volumeFailures.delete(name)
    } catch (error) {
      if (!signal.aborted) this.#volumeFailed(request.pod, { name, error })
    }
  }

  /** A renewal that failed leaves files that are valid for a while. */
  #volumeFailed(
    pod: Pod,
    { name, error }: { readonly name: string; readonly error: unknown },
  ): void {
    const failures = (this.#volumeFailures.get(name) ?? 0) + 1
    this.#volumeFailures.set(name, failures)
    const retryMs = backoffMs(failures, backoff)
    const retryAtMs = this.#deps.host.clock.nowMs() + retryMs
    this.#volumesRetryAtMs = Math.min(retryAtMs, this.#volumesRetryAtMs ?? Infinity)
    this.volumes.postpone(retryMs)
    const why = messageOf(error)
    this.#log.warn({ volume: name, error: why }, 'Volume cannot be set up yet')
    if (this.volumes.withoutClaim.has(name)) this.#failedMount(this.#unmounted(pod, why))
    else this.#failedMount(`MountVolume.SetUp failed for volume "${name}" : ${why}`)
  }

  /** A kubelet waits for all volumes of a pod for so long at a time, and then says which are missing. */
  #tellOfUnmounted(pod: Pod): void {
    const nowMs = this.#deps.host.clock.nowMs()
    if (this.volumes.isThere(pod)) {
      this.#unmountedAtMs = undefined
      return
    }
    this.#unmountedAtMs ??= nowMs + unmountedAfterMs
    if (nowMs < this.#unmountedAtMs) return
    this.#unmountedAtMs = nowMs + unmountedAfterMs
    this.#failedMount(this.#unmounted(pod, 'context deadline exceeded'))
  }

  #unmounted(pod: Pod, why: string): string {
    const missing = this.volumes.missing(pod)
    const unknown = missing.filter((name) => this.volumes.withoutClaim.has(name))
    return (
      `Unable to attach or mount volumes: unmounted volumes=[${missing.join(' ')}], ` +
      `unattached volumes=[], failed to process volumes=[${unknown.join(' ')}]: ${why}`
    )
  }

  #failedMount(message: string): void {
    const event = { type: 'Warning', reason: 'FailedMount', message } as const
    this.#deps.host.recordEvent(this.#ref, event)
  }

  #isEarly(atMs: number | undefined): boolean {
    return atMs !== undefined && atMs > this.#deps.host.clock.nowMs()
  }
}
