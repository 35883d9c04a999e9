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
import type { MachineDeps } from './machine-deps.ts'
import { containersDir, podDir } from './pod-dirs.ts'
import { PodVolumes } from './volumes/pod-volumes.ts'

/** A passing failure, such as a token refused while the API server catches up, costs little. */
const backoff: BackoffOptions = { baseMs: 250, factor: 2, capMs: 60_000, jitter: 0.25 }

/** Sandbox and volumes of one pod. */
export class PodPreparation {
  readonly volumes: PodVolumes
  readonly #deps: MachineDeps
  readonly #ref: PodRef
  readonly #log: Logger
  #sandbox: SandboxState | undefined
  #sandboxRetryAtMs: number | undefined
  #volumesRetryAtMs: number | undefined
  #sandboxFailures = 0
  #volumeFailures = 0

  constructor(deps: MachineDeps, { ref, log }: { ref: PodRef; log: Logger }) {
    this.#deps = deps
    this.#ref = ref
    this.#log = log
    this.volumes = new PodVolumes(deps.host)
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
    const times = [this.#sandboxRetryAtMs, this.#volumesRetryAtMs, this.volumes.refreshAtMs]
    const earliest = Math.min(...times.map((atMs) => atMs ?? Infinity))
    return earliest === Infinity ? undefined : earliest
  }

  /** The next `prepare` does not wait for what failed before. */
  retryNow(): void {
    this.#sandboxRetryAtMs = undefined
    this.#volumesRetryAtMs = undefined
  }

  /** Makes what is missing and due. Never rejects; `isReady` tells. */
  async prepare(request: PodRequest, signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#ensureSandbox(request.pod, signal),
      this.#writeVolumes(request, signal),
    ])
  }

  /** Removes the pod's directory, the record last: what is half removed is found again. */
  async removeDirs(): Promise<void> {
    const { rootDir } = this.#deps.host
    await rm(containersDir(rootDir, this.#ref.uid), { recursive: true, force: true })
    await rm(podDir(rootDir, this.#ref.uid), { recursive: true, force: true })
  }

  async #ensureSandbox(pod: Pod, signal: AbortSignal): Promise<void> {
    if (this.#sandbox || this.#isEarly(this.#sandboxRetryAtMs)) return
    const { host, runtime } = this.#deps
    try {
      const dir = podDir(host.rootDir, this.#ref.uid)
      await makeDir(dir)
      this.#sandbox = await runtime.ensureSandbox(pod, { podDir: dir }, { signal, log: this.#log })
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
    if (this.#isEarly(this.#volumesRetryAtMs)) return
    this.#volumesRetryAtMs = undefined
    for (const name of this.volumes.toWrite(request.pod)) {
      try {
        await untilAborted(this.volumes.write(request, name), signal)
        this.#volumeFailures = 0
      } catch (error) {
        if (signal.aborted) return
        this.#volumeFailed(name, error)
      }
    }
  }

  /** A renewal that failed leaves files that are valid for a while. */
  #volumeFailed(name: string, error: unknown): void {
    const { clock } = this.#deps.host
    const retryMs = backoffMs(++this.#volumeFailures, backoff)
    this.#volumesRetryAtMs = clock.nowMs() + retryMs
    this.volumes.postpone(retryMs)
    const message = `MountVolume.SetUp failed for volume "${name}" : ${messageOf(error)}`
    this.#deps.host.recordEvent(this.#ref, { type: 'Warning', reason: 'FailedMount', message })
    this.#log.warn({ volume: name, error: messageOf(error) }, 'Volume cannot be written yet')
  }

  #isEarly(atMs: number | undefined): boolean {
    return atMs !== undefined && atMs > this.#deps.host.clock.nowMs()
  }
}
