// SPDX-License-Identifier: Apache-2.0
// Objects for tests of the workload controllers, complete as the API would have defaulted them, and a
// kubelet played by hand.
import { nodes, pods } from '../../src/kube/resources.ts'
import type { NewObject } from '../../src/control-plane/controllers/cluster-api.ts'
import type { Job, JobSpec, Pod, PodStatus, PodTemplateSpec } from '../../src/kube/types.gen.ts'
import type { Clock } from '../../src/util/clock.ts'
import type { FakeClusterApi } from './fake-cluster-api.ts'
import { wireTime } from '../../src/util/wire-time.ts'

/** A template whose pods are labelled `app: NAME`. */
export function templateFor(
  name: string,
  options: {
    readonly image?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly restartPolicy?: string
  } = {},
): PodTemplateSpec {
  const { image = 'one', labels = {}, restartPolicy = 'Always' } = options
  return {
    metadata: { labels: { app: name, ...labels } },
    spec: { containers: [{ name: 'main', image }], restartPolicy },
  }
}

/** A Job as the API has completed it: its selector and its pods' labels name it. */
export function newJob(spec: Partial<JobSpec> = {}, name: string = 'work'): NewObject<Job> {
  const labels = { 'batch.kubernetes.io/job-name': name }
  return {
    metadata: { namespace: 'default', name },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: labels },
      template: templateFor(name, { labels, restartPolicy: 'Never' }),
      ...spec,
    },
  }
}

/** Status of a running pod that became ready at `readyMs`. */
export function readyStatus(readyMs: number): PodStatus {
  return {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: wireTime(readyMs) }],
    containerStatuses: [
      { name: 'main', image: '', imageID: '', ready: true, restartCount: 0, state: {} },
    ],
  }
}

/** Status of a pod whose only container ended with `exitCode` at `endMs`. */
export function endedStatus(exitCode: number, endMs: number): PodStatus {
  const terminated = { exitCode, finishedAt: wireTime(endMs), startedAt: wireTime(endMs) }
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: wireTime(endMs) }],
    containerStatuses: [
      {
        name: 'main',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated },
      },
    ],
  }
}

/** A kubelet and scheduler under a test's command: nothing happens to pods but what it is told. */
export class HandKubelet {
  readonly #api: FakeClusterApi
  readonly #clock: Clock

  constructor(api: FakeClusterApi, clock: Clock) {
    this.#api = api
    this.#clock = clock
  }

  /** The pods that are neither ended nor being deleted. */
  get activePods(): readonly Pod[] {
    return this.#api
      .list(pods)
      .filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined &&
          status?.phase !== 'Succeeded' &&
          status?.phase !== 'Failed',
      )
  }

  /** Binds and starts every pod that has no node yet; they are ready at once. */
  async startAll(): Promise<void> {
    for (const pod of this.activePods) {
      if (pod.status?.phase !== 'Running') await this.start(pod)
    }
    await this.#api.settled()
  }

  async start({ metadata, spec }: Pod): Promise<void> {
    if (spec.nodeName === undefined) await this.#api.bind(metadata, 'node-1', metadata.uid)
    this.#api.setPodStatus(metadata, readyStatus(this.#clock.nowMs()))
  }

  /** Ends a pod as its container would. */
  end({ metadata }: Pod, exitCode: number): void {
    this.#api.setPodStatus(metadata, endedStatus(exitCode, this.#clock.nowMs()))
  }

  /** Confirms all deletions under way, as a kubelet does when the containers have stopped. */
  async reap(exitCode = 0): Promise<void> {
    for (const { metadata, status } of this.#api.list(pods)) {
      if (metadata.deletionTimestamp === undefined) continue
      const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed'
      if (!hasEnded) {
        this.#api.setPodStatus(metadata, endedStatus(exitCode, this.#clock.nowMs()))
      }
      await this.#api.delete(pods, metadata, { gracePeriodSeconds: 0 })
    }
    await this.#api.settled()
  }

  /** Registers a node. */
  addNode(name: string, labels: Readonly<Record<string, string>> = {}): void {
    this.#api.seed(nodes, { metadata: { name, labels }, spec: {} })
  }
}
