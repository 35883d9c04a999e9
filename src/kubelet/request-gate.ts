// SPDX-License-Identifier: Apache-2.0
// Stands before every route: first who calls (401), then whether they may (403, or 500 when nobody can
// tell). Knows nothing of responses, so that upgrades pass through it as well.
import type { IncomingMessage } from 'node:http'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import type { Authenticator, CallerIdentity } from './authentication/authenticator.ts'
import type { Authorizer } from './authorization/authorizer.ts'
import { verbOf } from './authorization/subresources.ts'
import type { TextAnswer } from './text-response.ts'

/** The caller, when they may pass; else what to answer them. */
export type GateResult =
  | { readonly isOpen: true; readonly user: CallerIdentity }
  | { readonly isOpen: false; readonly answer: TextAnswer }

/** Authentication and authorization of one node's kubelet API. */
export class RequestGate {
  readonly #authenticator: Authenticator
  readonly #authorizer: Authorizer
  readonly #log: Logger

  constructor(options: {
    readonly authenticator: Authenticator
    readonly authorizer: Authorizer
    readonly log: Logger
  }) {
    this.#authenticator = options.authenticator
    this.#authorizer = options.authorizer
    this.#log = options.log
  }

  /** May this request go to a route that any one of `subresources` opens? Never rejects. */
  async check(request: IncomingMessage, subresources: readonly string[]): Promise<GateResult> {
    const found = await this.#authenticator.authenticate(request)
    if (found.kind !== 'known') {
      const why = found.kind === 'none' ? 'no credential' : found.why
      this.#log.debug({ remote: request.socket.remoteAddress, why }, 'Caller is not authenticated')
      // A connection whose certificate is not good stays so; let the caller make a new one.
      const headers = { connection: 'close' }
      return { isOpen: false, answer: { status: 401, text: 'Unauthorized', headers } }
    }
    return await this.#authorize(request, { user: found.user, subresources })
  }

  async #authorize(
    request: IncomingMessage,
    { user, subresources }: { user: CallerIdentity; subresources: readonly string[] },
  ): Promise<GateResult> {
    const verb = verbOf(request.method)
    const about = `user=${user.username}, verb=${verb}, resource=nodes`
    for (const subresource of subresources) {
      try {
        if (await this.#authorizer.isAllowed({ user, verb, subresource })) {
          return { isOpen: true, user }
        }
      } catch (error) {
        this.#log.warn({ user: user.username, error: messageOf(error) }, 'Cannot authorize caller')
        const text = `Authorization error (${about}, subresource=${subresource})`
        return { isOpen: false, answer: { status: 500, text } }
      }
    }
    this.#log.debug({ user: user.username, verb, subresources }, 'Caller has no rights')
    const text = `Forbidden (${about}, subresource(s)=[${subresources.join(' ')}])`
    return { isOpen: false, answer: { status: 403, text } }
  }
}
