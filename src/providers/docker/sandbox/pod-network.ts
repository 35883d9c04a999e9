// SPDX-License-Identifier: Apache-2.0
// The network of the engine that pods are in: its default bridge, or the one that the configuration names. One
// that is not there is made, with this node's labels, and goes when no pod of the node needs it any more.
// A network that somebody else made is used, and never touched.
import { VkError, messageOf } from '../../../util/vk-error.ts'
import { isOwn, ownerFilter, ownerLabels, type Owner } from '../container/container-labels.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { EngineError, isNotFound } from '../engine/engine-error.ts'

export interface PodNetworkParts {
  readonly client: EngineClient
  readonly owner: Owner
  /** Of the configuration; the engine's own where it is left out. */
  readonly name: string | undefined
}

interface NetworkSummary {
  readonly Name: string
  readonly Id: string
  readonly Labels?: Readonly<Record<string, string>> | null
}

/** Every engine has them. */
const defaults = new Set(['bridge', 'default'])

/** The network of one node's pods. */
export class PodNetwork {
  readonly #parts: PodNetworkParts
  #present: Promise<void> | undefined
  #uses = 0
  #removal: Promise<void> = Promise.resolve()

  constructor(parts: PodNetworkParts) {
    this.#parts = parts
  }

  /**
   * Makes a pod's sandbox while the network is there; it is looked for once, and again when the engine says
   * that it has no such network.
   */
  async use<T>(make: () => Promise<T>): Promise<T> {
    const { name } = this.#parts
    if (name === undefined || defaults.has(name)) return await make()
    this.#uses += 1
    try {
      await this.#removal
      this.#present ??= this.#ensure(name)
      await this.#present
      return await make()
    } catch (error) {
      this.#present = undefined
      throw error
    } finally {
      this.#uses -= 1
    }
  }

  /**
   * Removes what this node made and does not need: networks that the configuration named before, and with
   * `hasPods` false the present one. What is in use stays.
   */
  async tidy(hasPods: boolean, signal: AbortSignal): Promise<void> {
    const isUsed = (network: string): boolean =>
      network === this.#parts.name && (hasPods || this.#uses > 0)
    const { client, owner } = this.#parts
    const query = { filters: { label: ownerFilter(owner) } }
    const listed = await client.json<readonly NetworkSummary[]>(
      { path: '/networks', query },
      { signal },
    )
    for (const { Id, Name } of listed.filter(({ Labels }) => isOwn(owner, Labels))) {
      if (isUsed(Name)) continue
      if (Name === this.#parts.name) this.#present = undefined
      const removal = this.#remove(Id, signal)
      // Pods wait for its end, however it went: why it failed is for the caller.
      this.#removal = removal.catch(() => {})
      await removal
    }
  }

  async #ensure(name: string): Promise<void> {
    const { client, owner } = this.#parts
    // Whoever asked first may leave; others wait for it, too.
    const { signal } = new AbortController()
    try {
      await client.text({ path: `/networks/${encodeURIComponent(name)}` }, { signal })
      return
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    const body = { Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: ownerLabels(owner) }
    const request = { method: 'POST', path: '/networks/create', body } as const
    try {
      await client.text(request, { signal })
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      // Another node has made it in the meantime.
      if (/already (exists|used)/i.test(error.message)) return
      throw new VkError(error.code, `cannot make network "${name}": ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  async #remove(id: string, signal: AbortSignal): Promise<void> {
    const request = { method: 'DELETE', path: `/networks/${id}` } as const
    await this.#parts.client.text(request, { signal }).catch((error: unknown) => {
      // Something is in it, or it is gone.
      if (!(error instanceof EngineError)) throw error
    })
  }
}
