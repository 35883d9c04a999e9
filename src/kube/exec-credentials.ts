// SPDX-License-Identifier: Apache-2.0
// Credentials from a plugin that the kubeconfig names (`exec`): run once, kept until shortly before
// they expire, asked for again after a 401. What the plugin prints never reaches a log or a message.
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import { isSameIdentity } from './credentials.ts'
import type { Credentials, Identity } from './credentials.ts'
import { runExecPlugin } from './exec-plugin.ts'
import type { ExecPlugin, PluginAnswer } from './exec-plugin.ts'

export interface ExecCredentialsOptions {
  readonly plugin: ExecPlugin
  readonly clock: Clock
  readonly log: Logger
}

// New credentials are fetched beside the old ones from this long before they expire (a tenth of
// their life at most), so that no request waits for the plugin.
const refreshAheadMs = 60_000
// After a failure, or a 401 to fresh credentials, the plugin is left alone for this long.
const restMs = 5000

/** Credentials of an exec plugin. */
export class ExecCredentials implements Credentials {
  readonly #options: ExecCredentialsOptions
  #current: PluginAnswer | undefined
  #fetchedMs = -Infinity
  #failure: unknown
  #fetching: Promise<Identity> | undefined

  constructor(options: ExecCredentialsOptions) {
    this.#options = options
  }

  identity(): Identity | Promise<Identity> {
    const current = this.#current
    if (!current) return this.#fetchUnlessResting()
    const leftMs = current.expiresMs - this.#options.clock.nowMs()
    if (leftMs <= 0) return this.#fetchUnlessResting()
    if (leftMs < Math.min(refreshAheadMs, current.lifeMs / 10) && !this.#isResting()) {
      void this.#fetch().catch(() => {
        // Logged where it happened; the credentials at hand are still good.
      })
    }
    return current.identity
  }

  async renew(refused: Identity): Promise<boolean> {
    if (this.#current?.identity !== refused) return this.#current !== undefined
    if (this.#isResting()) return false
    await this.#fetch()
    return this.#current?.identity !== refused
  }

  #isResting(): boolean {
    return this.#options.clock.monotonicMs() - this.#fetchedMs < restMs
  }

  #fetchUnlessResting(): Promise<Identity> {
    if (this.#failure !== undefined && this.#isResting()) return Promise.reject(this.#failure)
    return this.#fetch()
  }

  #fetch(): Promise<Identity> {
    this.#fetching ??= this.#run().finally(() => {
      this.#fetching = undefined
      this.#fetchedMs = this.#options.clock.monotonicMs()
    })
    return this.#fetching
  }

  async #run(): Promise<Identity> {
    const { plugin, clock, log } = this.#options
    try {
      const answer = await runExecPlugin(plugin, clock)
      const old = this.#current?.identity
      const identity = old && isSameIdentity(old, answer.identity) ? old : answer.identity
      this.#current = { ...answer, identity }
      this.#failure = undefined
      return identity
    } catch (error) {
      log.warn({ command: plugin.command, error: messageOf(error) }, 'Credential plugin failed')
      this.#failure =
        error instanceof VkError
          ? error
          : new VkError('Unauthorized', messageOf(error), { cause: error })
      throw this.#failure
    }
  }
}
