// SPDX-License-Identifier: Apache-2.0
// What a kubelet API under test talks to: an API server that answers reviews, and a backend that is
// what the test makes of it.
import type { KubeClient } from '../../src/kube/kube-client.ts'
import type { Resource } from '../../src/kube/resources.ts'
import { subjectAccessReviews, tokenReviews } from '../../src/kube/resources.ts'
import type {
  ContainerStatus,
  Pod,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  TokenReview,
  UserInfo,
} from '../../src/kube/types.gen.ts'
import type { PodProvider } from '../../src/provider/provider.ts'
import type { KubeletNode } from '../../src/kubelet/kubelet-node.ts'
import type { Logger } from '../../src/util/logger.ts'

/** Answers TokenReviews and SubjectAccessReviews, and keeps what it was asked. */
export class ReviewingClient implements KubeClient {
  readonly server: string = 'https://reviews.test'
  readonly tokens: Map<string, UserInfo> = new Map()
  /** `user verb subresource`. */
  readonly rights: Set<string> = new Set()
  readonly tokensSeen: string[] = []
  readonly accessSeen: SubjectAccessReviewSpec[] = []
  /** Every review is rejected with it. */
  failure: Error | undefined

  async create<T>(resource: Resource<T>, object: unknown): Promise<T> {
    await Promise.resolve()
    if (this.failure) throw this.failure
    if (resource.kind === tokenReviews.kind) return this.#token(object as TokenReview) as T
    if (resource.kind === subjectAccessReviews.kind) {
      return this.#access(object as SubjectAccessReview) as T
    }
    return await unexpected()
  }

  get: () => Promise<never> = unexpected
  list: () => Promise<never> = unexpected
  createSubresource: () => Promise<never> = unexpected
  replace: () => Promise<never> = unexpected
  patch: () => Promise<never> = unexpected
  delete: () => Promise<never> = unexpected
  getRaw: () => Promise<never> = unexpected

  watch(): never {
    throw new Error('Not expected of this stub')
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #token(review: TokenReview): TokenReview {
    const { token } = review.spec
    this.tokensSeen.push(token)
    const user = this.tokens.get(token)
    return { ...review, status: user ? { authenticated: true, user } : { error: 'unknown token' } }
  }

  #access(review: SubjectAccessReview): SubjectAccessReview {
    const { spec } = review
    this.accessSeen.push(spec)
    const { subresource, verb } = spec.resourceAttributes ?? {}
    const allowed = this.rights.has(`${spec.user} ${verb} ${subresource}`)
    return { ...review, status: { allowed } }
  }
}

/** A provider that has only the methods the test gives it. */
export function stubProvider(methods: Partial<PodProvider>): PodProvider {
  const unused = async (): Promise<never> => await unexpected()
  return {
    features: {},
    resolves: 'container',
    createPod: unused,
    updatePod: unused,
    deletePod: unused,
    listPods: async () => [],
    getPodStatuses: async () => new Map(),
    async *logs() {},
    podStats: async () => [],
    describeNode: unused,
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
    ...methods,
  }
}

/** A node with these pods. */
export function stubNode(pods: readonly Pod[], methods: Partial<PodProvider> = {}): KubeletNode {
  return {
    nodeName: 'node-1',
    provider: stubProvider(methods),
    pods: () => pods,
    findPod: (namespace, name) =>
      pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  }
}

/** A pod `default/<name>` with one container per status. */
export function podWith(name: string, statuses: readonly Partial<ContainerStatus>[]): Pod {
  const containerStatuses = statuses.map((status, i) => ({
    name: `c${i}`,
    image: 'image',
    imageID: '',
    ready: false,
    restartCount: 0,
    ...status,
  }))
  return {
    metadata: { namespace: 'default', name, uid: `uid-${name}` },
    spec: { containers: containerStatuses.map((status) => ({ name: status.name })) },
    status: { containerStatuses },
  }
}

/** Keeps every line as JSON, so that a test can look for what must not be there. */
export function recordingLogger(lines: string[]): Logger {
  const write = (fields: object, message: string) => {
    lines.push(JSON.stringify({ ...fields, message }))
  }
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  }
  return logger
}

async function unexpected(): Promise<never> {
  throw new Error('Not expected of this stub')
}
