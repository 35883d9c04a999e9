// SPDX-License-Identifier: Apache-2.0
// Tokens of service accounts for pods, bound to the pod so that they die with it. Kept in memory only,
// renewed when four fifths of their life are over, and the old one serves while renewing fails.
import { isNotFound, isRefused } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { serviceAccounts } from '../kube/resources.ts'
import type { Pod, ServiceAccountTokenProjection, TokenRequest } from '../kube/types.gen.ts'
import { parseWireTime } from '../util/wire-time.ts'
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, messageOf } from '../util/vk-error.ts'

export interface ServiceAccountToken {
  readonly token: string
  /** When a new one should be asked for. */
  readonly refreshAtMs: number
}

interface Issued extends ServiceAccountToken {
  readonly expiresAtMs: number
}

type TokenBody = Pick<TokenRequest, 'apiVersion' | 'kind' | 'spec'>

const defaultLifetimeSeconds = 3600
const lifetimeShareBeforeRefresh = 0.8
const maxAgeMs = 24 * 3_600_000
/**
 * The API server learns of a node's pod and its service account a moment after it has told the node;
 * until then it refuses, or knows no such pod. So that is believed only when it has lasted for a while.
 */
const refusalBackoff: BackoffOptions = { baseMs: 50, factor: 2, capMs: 800, jitter: 0.2 }
const refusalsBelieved = 6
/** After a refused renewal the old token serves, and the next try comes after this. */
const retryMs = 30_000

/** Issues and keeps the tokens of this node's pods. */
export class ServiceAccountTokens {
  readonly #client: KubeClient
  readonly #clock: Clock
  readonly #log: Logger
  readonly #byPod = new Map<string, Map<string, Issued>>()

  constructor(client: KubeClient, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#client = client
    this.#clock = clock
    this.#log = log
  }

  /** A token for this projection of this pod, from memory while it is fresh. */
  async tokenFor(
    pod: Pod,
    projection: ServiceAccountTokenProjection,
  ): Promise<ServiceAccountToken> {
    const { audience = '', expirationSeconds = defaultLifetimeSeconds } = projection
    const key = `${expirationSeconds}/${audience}`
    const known = this.#byPod.get(pod.metadata.uid)?.get(key)
    if (known && this.#clock.nowMs() < known.refreshAtMs) return known
    try {
      const issued = await this.#issue(pod, projection)
      const ofPod = this.#byPod.get(pod.metadata.uid) ?? new Map<string, Issued>()
      this.#byPod.set(pod.metadata.uid, ofPod.set(key, issued))
      return issued
    } catch (error) {
      const nowMs = this.#clock.nowMs()
      if (!known || nowMs >= known.expiresAtMs) throw error
      const { namespace, name } = pod.metadata
      const fields = { pod: `${namespace}/${name}`, error: messageOf(error) }
      this.#log.warn(fields, 'Cannot renew a service account token; the old one serves on')
      return { token: known.token, refreshAtMs: Math.min(nowMs + retryMs, known.expiresAtMs) }
    }
  }

  /** Drops the tokens of a pod that is gone. */
  release(uid: string): void {
    this.#byPod.delete(uid)
  }

  async #issue(pod: Pod, projection: ServiceAccountTokenProjection): Promise<Issued> {
    const { namespace, name, uid } = pod.metadata
    const account = pod.spec.serviceAccountName ?? pod.spec.serviceAccount ?? 'default'
    const { audience, expirationSeconds = defaultLifetimeSeconds } = projection
    const askedAtMs = this.#clock.nowMs()
    const answer = await this.#request(
      { namespace, name: account },
      {
        audiences: audience ? [audience] : [],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    )
    const token = answer.status?.token
    if (!token) {
      const who = `${namespace}/${account}`
      throw new VkError(
        'Internal',
        `Cannot get a token for service account "${who}": none came back`,
      )
    }
    const expiresAtMs =
      parseWireTime(answer.status?.expirationTimestamp) ?? askedAtMs + expirationSeconds * 1000
    const lifetimeMs = (expiresAtMs - askedAtMs) * lifetimeShareBeforeRefresh
    return { token, expiresAtMs, refreshAtMs: askedAtMs + Math.min(lifetimeMs, maxAgeMs) }
  }

  async #request(
    account: { readonly namespace: string; readonly name: string },
    spec: TokenBody['spec'],
  ): Promise<TokenRequest> {
    for (let refusals = 1; ; refusals += 1) {
      try {
        return await this.#client.createSubresource<TokenBody, TokenRequest>(
          serviceAccounts,
          { ...account, subresource: 'token' },
          { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
        )
      } catch (error) {
        const mayBeEarly = isRefused(error) || isNotFound(error)
        if (!mayBeEarly || refusals >= refusalsBelieved) throw error
        await this.#clock.sleep(backoffMs(refusals, refusalBackoff))
      }
    }
  }
}
