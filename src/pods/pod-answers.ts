// SPDX-License-Identifier: Apache-2.0
// What the core answers a backend that asks about a pod: final environments and volume files, read
// afresh from watched objects at each call.
import type { KubeClient } from '../kube/kube-client.ts'
import type { EventRecorder, RecordedEvent } from '../kube/event-recorder.ts'
import type { Pod } from '../kube/types.gen.ts'
import type {
  ClaimedVolume,
  PodFacts,
  PodRequest,
  ResolvedContainer,
} from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { VkError } from '../util/vk-error.ts'
import type { NodeFacts } from './admission.ts'
import type { EnvSources } from './env/env-sources.ts'
import { resolveContainer } from './env/resolve-container.ts'
import { refOf } from './known-pod.ts'
import type { NodeServices } from './node-services.ts'
import { podReference } from './pod-reference.ts'
import type { PodReferences } from './pod-references.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import { timeLimit } from './time-limit.ts'
import { readPullSecrets } from './pull-secrets.ts'
import type { PodCertificates } from './certificates/pod-certificates.ts'
import { readTrustAnchors } from './trust-bundles.ts'
import { readClaim } from './volume-claims.ts'
import { resolveVolume, type VolumeSources } from './volume-sources.ts'

export interface PodAnswersOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly recorder: EventRecorder
  readonly references: PodReferences
  readonly services: NodeServices
  readonly tokens: ServiceAccountTokens
  readonly certificates: PodCertificates
  readonly nodeFacts: () => NodeFacts | undefined
  readonly nodeName: string
  readonly podApiServer?: { readonly host: string; readonly port: number } | undefined
}

/** How long one resolution may wait for the API. */
const readLimitMs = 10_000

/** Makes the requests that backends are handed. */
export class PodAnswers {
  readonly #options: PodAnswersOptions

  constructor(options: PodAnswersOptions) {
    this.#options = options
  }

  /** A request for a backend that resolves each container when it starts it. */
  requestFor(pod: Pod): PodRequest {
    return {
      pod,
      resolveContainer: (name, facts) => this.#resolve(pod, name, facts),
      resolveVolume: (name, facts = { podIPs: [], hostIPs: [] }) =>
        this.#withLimit((signal) =>
          resolveVolume(pod, name, this.#volumeSources(pod, { facts, signal })),
        ),
      resolveClaim: (name) => this.#claim(pod, name),
      resolvePullSecrets: () =>
        this.#withLimit((signal) => readPullSecrets(pod, this.#sources(pod, signal))),
    }
  }

  /**
   * A request for a backend that wants everything resolved before it starts: rejects when one container
   * cannot be resolved. Those answers serve as long as nobody knows more of the pod, namely its addresses.
   */
  async resolvedRequestFor(pod: Pod, facts: PodFacts): Promise<PodRequest> {
    const { containers, initContainers = [] } = pod.spec
    const resolved = new Map<string, ResolvedContainer>()
    for (const { name } of [...initContainers, ...containers]) {
      resolved.set(name, await this.#resolve(pod, name, facts))
    }
    const request = this.requestFor(pod)
    return {
      ...request,
      resolveContainer: async (name, later) => {
        const known = later.podIPs.length === 0 ? resolved.get(name) : undefined
        // Each answer serves once: a later start reads afresh.
        resolved.delete(name)
        return known ?? request.resolveContainer(name, later)
      },
    }
  }

  async #claim(pod: Pod, name: string): Promise<ClaimedVolume> {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name)
    if (!volume) {
      throw new VkError('NotFound', `Cannot read the claim of volume "${name}": there is none`)
    }
    return await this.#withLimit((signal) =>
      untilAborted(readClaim(pod, volume, this.#options), signal),
    )
  }

  #volumeSources(
    pod: Pod,
    { facts, signal }: { readonly facts: PodFacts; readonly signal: AbortSignal },
  ): VolumeSources {
    const { references, tokens, certificates, nodeName, nodeFacts } = this.#options
    const ref = refOf(pod)
    return {
      configMap: (name) => references.configMap(ref, name, signal),
      secret: (name) => references.secret(ref, name, signal),
      token: (projection) => tokens.tokenFor(pod, projection),
      trustAnchors: (selection) => readTrustAnchors(selection, this.#options, signal),
      certificate: (place) => certificates.certificateFor(pod, place, signal),
      facts,
      nodeName,
      nodeAllocatable: nodeFacts()?.allocatable ?? {},
    }
  }

  #resolve(pod: Pod, name: string, facts: PodFacts): Promise<ResolvedContainer> {
    return this.#withLimit((signal) =>
      resolveContainer(pod, name, { sources: this.#sources(pod, signal), facts }),
    )
  }

  #sources(pod: Pod, signal: AbortSignal): EnvSources {
    const { references, services, recorder, nodeFacts, nodeName, podApiServer } = this.#options
    const ref = refOf(pod)
    return {
      configMap: (name) => references.configMap(ref, name, signal),
      secret: (name) => references.secret(ref, name, signal),
      services: () => services.forNamespace(ref.namespace),
      nodeName,
      nodeAllocatable: nodeFacts()?.allocatable ?? {},
      ...(podApiServer && { podApiServer }),
      notice: (event: RecordedEvent) => recorder.record(podReference(pod), event),
    }
  }

  async #withLimit<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const message = 'Cannot read what the pod refers to: no answer from the API server'
    using limit = timeLimit(this.#options.clock, { afterMs: readLimitMs, message })
    return await read(limit.signal)
  }
}
