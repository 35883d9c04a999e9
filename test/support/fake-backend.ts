// SPDX-License-Identifier: Apache-2.0
// A backend for whole pods in memory, for tests of the pod loop: pods run at once and end when told to,
// any call can be made to fail or to lose its reply, with push or without.
import type { CallContext, ObservedPod, PodRef, PodRequest } from '../../src/provider/provider.ts'
import type { Features } from '../../src/provider/features.ts'
import type { PodCalls } from '../../src/pods/observed-provider.ts'
import { observedPod } from './test-pods.ts'

export interface FakeBackendOptions {
  readonly isPushed?: boolean
  readonly hasCleanUp?: boolean
  readonly resolves?: 'pod' | 'container'
  readonly features?: Features
  /** Pods end by themselves at once when they are deleted; default true. */
  readonly endsAtOnce?: boolean
}

export interface BackendCall {
  readonly name:
    | 'createPod'
    | 'updatePod'
    | 'deletePod'
    | 'cleanUpPod'
    | 'listPods'
    | 'getPodStatuses'
  readonly ref?: PodRef
  readonly gracePeriodSeconds?: number
}

/** The calls of a PodProvider that the pod loop makes. */
export class FakeBackend implements PodCalls {
  readonly features: Features
  readonly resolves: 'pod' | 'container'
  readonly pods: Map<string, ObservedPod> = new Map()
  readonly calls: BackendCall[] = []
  readonly requests: Map<string, PodRequest> = new Map()
  /** Called before a call has its effect; a throw means that it has none. */
  before: (call: BackendCall) => void | Promise<void> = () => {}
  /** Called after; a throw is a lost reply. */
  after: (call: BackendCall) => void | Promise<void> = () => {}
  cleanUpPod?: NonNullable<PodCalls['cleanUpPod']>
  watchPods?: NonNullable<PodCalls['watchPods']>
  endsAtOnce: boolean
  #notify: (pod: ObservedPod) => void = () => {}

  constructor(options: FakeBackendOptions = {}) {
    const { isPushed = true, hasCleanUp = true, resolves = 'container', features = {} } = options
    this.features = { serviceAccountVolume: true, restartPolicy: true, ...features }
    this.resolves = resolves
    this.endsAtOnce = options.endsAtOnce ?? true
    if (hasCleanUp) this.cleanUpPod = (ref) => this.#cleanUp(ref)
    if (isPushed) {
      this.watchPods = (notify) => {
        this.#notify = notify
        return { [Symbol.dispose]: () => void (this.#notify = () => {}) }
      }
    }
  }

  count(name: BackendCall['name']): number {
    return this.calls.filter((call) => call.name === name).length
  }

  /** Pods of which something runs. */
  get live(): readonly ObservedPod[] {
    return [...this.pods.values()].filter(({ hasEnded }) => !hasEnded)
  }

  /** Sets a pod's state, as if it had changed by itself. */
  set(pod: ObservedPod): void {
    this.pods.set(pod.ref.uid, pod)
    this.#notify(pod)
  }

  /** Ends a pod by itself. */
  end(uid: string, exitCode = 0): void {
    const pod = this.pods.get(uid)
    if (pod) this.set(observedPod(pod.ref, { hasEnded: true, exitCode }))
  }

  async createPod(request: PodRequest, _context: CallContext): Promise<void> {
    const { namespace, name, uid } = request.pod.metadata
    const ref = { namespace, name, uid }
    await this.#run({ name: 'createPod', ref }, () => {
      this.requests.set(uid, request)
      if (!this.pods.has(uid)) this.set(observedPod(ref))
    })
  }

  async updatePod(request: PodRequest, _context: CallContext): Promise<void> {
    const { namespace, name, uid } = request.pod.metadata
    await this.#run({ name: 'updatePod', ref: { namespace, name, uid } }, () => {
      this.requests.set(uid, request)
    })
  }

  async deletePod(
    ref: PodRef,
    { gracePeriodSeconds }: { readonly gracePeriodSeconds: number },
    _context: CallContext,
  ): Promise<void> {
    await this.#run({ name: 'deletePod', ref, gracePeriodSeconds }, () => {
      if (!this.pods.has(ref.uid) || !this.endsAtOnce) return
      if (this.cleanUpPod) this.end(ref.uid)
      else this.pods.delete(ref.uid)
    })
  }

  async listPods(_context: CallContext): Promise<readonly ObservedPod[]> {
    await this.#run({ name: 'listPods' }, () => {})
    return [...this.pods.values()]
  }

  async getPodStatuses(
    refs: readonly PodRef[],
    _context: CallContext,
  ): Promise<ReadonlyMap<string, ObservedPod>> {
    await this.#run({ name: 'getPodStatuses' }, () => {})
    const found = new Map<string, ObservedPod>()
    for (const { uid } of refs) {
      const pod = this.pods.get(uid)
      if (pod) found.set(uid, pod)
    }
    return found
  }

  async #cleanUp(ref: PodRef): Promise<void> {
    await this.#run({ name: 'cleanUpPod', ref }, () => void this.pods.delete(ref.uid))
  }

  async #run(call: BackendCall, act: () => void): Promise<void> {
    this.calls.push(call)
    await this.before(call)
    act()
    await this.after(call)
  }
}
