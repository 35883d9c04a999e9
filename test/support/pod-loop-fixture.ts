// SPDX-License-Identifier: Apache-2.0
// One node's pod loop on a memory API, a memory backend and a clock that the test moves.
import type { EventRecorder, RecordedEvent } from '../../src/kube/event-recorder.ts'
import { pods } from '../../src/kube/resources.ts'
import type { ObjectReference, Pod } from '../../src/kube/types.gen.ts'
import { PodController } from '../../src/pods/pod-controller.ts'
import type { PodControllerOptions } from '../../src/pods/pod-controller-options.ts'
import { FakeClock } from '../../src/util/fake-clock.ts'
import { silentLogger } from '../../src/util/logger.ts'
import type { Logger } from '../../src/util/logger.ts'
import { FakeBackend } from './fake-backend.ts'
import type { FakeBackendOptions } from './fake-backend.ts'
import { MemoryKubeClient } from './memory-kube-client.ts'
import { testPod } from './test-pods.ts'
import type { TestPodOptions } from './test-pods.ts'

export interface PodLoopFixtureOptions {
  readonly backend?: FakeBackend | FakeBackendOptions
  readonly client?: MemoryKubeClient
  readonly clock?: FakeClock
  readonly controller?: Partial<PodControllerOptions>
  readonly log?: Logger
}

/** A running PodController and its surroundings. */
export class PodLoopFixture implements AsyncDisposable, EventRecorder {
  readonly clock: FakeClock
  readonly client: MemoryKubeClient
  readonly backend: FakeBackend
  readonly controller: PodController
  readonly events: { readonly about: ObjectReference; readonly event: RecordedEvent }[] = []

  constructor(options: PodLoopFixtureOptions = {}) {
    const { backend = {} } = options
    this.clock = options.clock ?? new FakeClock()
    this.client = options.client ?? new MemoryKubeClient()
    this.backend = backend instanceof FakeBackend ? backend : new FakeBackend(backend)
    const allocatable = { cpu: '8', memory: '8Gi', pods: '10', 'ephemeral-storage': '10Gi' }
    const facts = { name: 'node', os: 'linux', labels: {}, allocatable, taints: [] }
    this.controller = new PodController(
      {
        client: this.client,
        provider: this.backend,
        recorder: this,
        clock: this.clock,
        log: options.log ?? silentLogger,
        nodeFacts: () => facts,
        nodeIPs: () => ['192.0.2.1'],
      },
      { nodeName: 'node', ...options.controller },
    )
  }

  /** A fixture whose controller runs. */
  static async start(options: PodLoopFixtureOptions = {}): Promise<PodLoopFixture> {
    const fixture = new PodLoopFixture(options)
    const started = fixture.controller.start()
    await fixture.settle()
    await started
    await fixture.settle()
    return fixture
  }

  record(about: ObjectReference, event: RecordedEvent): void {
    this.events.push({ about, event })
  }

  /** Reasons of the events so far. */
  get reasons(): readonly string[] {
    return this.events.map(({ event }) => event.reason)
  }

  /** Lets everything happen that needs no time to pass, then `ms` of time. */
  async settle(ms = 0): Promise<void> {
    for (let turns = 0; turns < 15; turns++) await this.clock.advance(0)
    if (ms === 0) return
    await this.clock.advance(ms)
    for (let turns = 0; turns < 15; turns++) await this.clock.advance(0)
  }

  /** Creates a pod that is bound to the node; answers with its uid. */
  async bind(options: TestPodOptions = {}): Promise<string> {
    const pod = await this.client.create(pods, testPod(options))
    await this.settle()
    return pod.metadata.uid
  }

  /** Deletes the pod as kubectl does. */
  async delete(name = 'a', gracePeriodSeconds = 30): Promise<void> {
    await this.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds })
    await this.settle()
  }

  /** The pod as the API has it. */
  find(name = 'a'): Pod | undefined {
    const place = { collection: 'v1/pods', namespace: 'default', name }
    return this.client.store.find(place) as unknown as Pod | undefined
  }

  /** Changes the pod as somebody else would. */
  async change(name: string, body: object, subresource?: 'status'): Promise<void> {
    await this.client.patch(
      pods,
      { namespace: 'default', name },
      { type: 'strategic', body, ...(subresource && { subresource }) },
    )
    await this.settle()
  }

  /** PATCHes of pod status and DELETEs of pods so far. */
  get writes(): { readonly patches: number; readonly deletes: number } {
    return {
      patches: this.client.count('patch', 'pods'),
      deletes: this.client.count('delete', 'pods'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]()
  }
}
