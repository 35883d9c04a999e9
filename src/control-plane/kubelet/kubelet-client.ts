// SPDX-License-Identifier: Apache-2.0
// Calls to kubelets: with this server's client certificate, and only to kubelets whose own certificate
// this cluster's authority has signed for their address.
import { Agent, request as httpsRequest } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { StatusError } from '../objects/api-status.ts'
import type { KubeletEndpoint } from './kubelet-endpoint.ts'

export interface KubeletCredentials {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** Authority that has signed the kubelets' serving certificates. */
  readonly ca: string
}

/** A call; the path has its query. */
export interface KubeletCall {
  readonly endpoint: KubeletEndpoint
  readonly method: string
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Readable
  readonly signal: AbortSignal
}

/** What came of asking for an upgrade: another protocol's stream, or an ordinary answer. */
export type UpgradeAnswer =
  | {
      readonly kind: 'upgraded'
      readonly headers: IncomingHttpHeaders
      readonly rawHeaders: readonly string[]
      readonly socket: Duplex
      readonly head: Buffer
    }
  | { readonly kind: 'answered'; readonly response: IncomingMessage }

export class KubeletClient implements Disposable {
  #agent: Agent

  constructor(credentials: KubeletCredentials) {
    this.#agent = agentWith(credentials)
  }

  /** Shows other credentials from now on; calls under way go on with the old ones. */
  setCredentials(credentials: KubeletCredentials): void {
    // What it has under way ends by itself; idle connections go with the agent.
    const former = this.#agent
    this.#agent = agentWith(credentials)
    for (const sockets of Object.values(former.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy()
    }
  }

  /** The answer's head; its body is read by the caller. Throws 502-like StatusErrors. */
  async call(call: KubeletCall): Promise<IncomingMessage> {
    const answer = await this.upgrade(call)
    if (answer.kind === 'answered') return answer.response
    answer.socket.destroy()
    throw badGateway(call, 'the kubelet switched protocols without being asked')
  }

  /** The same with an `Upgrade` header among the headers. */
  async upgrade(call: KubeletCall): Promise<UpgradeAnswer> {
    const { endpoint, method, path, headers = {}, body, signal } = call
    const { promise, resolve, reject } = Promise.withResolvers<UpgradeAnswer>()
    const outgoing = httpsRequest({
      agent: headers['upgrade'] === undefined ? this.#agent : false,
      ...(headers['upgrade'] !== undefined && this.#tlsOptions()),
      host: endpoint.host,
      port: endpoint.port,
      method,
      path,
      headers,
      signal,
    })
    outgoing.on('response', (response) => resolve({ kind: 'answered', response }))
    outgoing.on('upgrade', ({ headers, rawHeaders }, socket, head) => {
      resolve({ kind: 'upgraded', headers, rawHeaders, socket, head })
    })
    outgoing.on('error', (error) => reject(badGateway(call, error.message)))
    if (body) body.pipe(outgoing)
    else outgoing.end()
    return await promise
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #tlsOptions() {
    const { cert, key, ca, ALPNProtocols } = this.#agent.options
    return { cert, key, ca, ALPNProtocols }
  }
}

function agentWith({ cert, key, ca }: KubeletCredentials): Agent {
  // Upgrades need HTTP/1.1, and one protocol is enough.
  return new Agent({ cert, key, ca, keepAlive: true, ALPNProtocols: ['http/1.1'] })
}

function badGateway({ endpoint, path, method }: KubeletCall, why: string): StatusError {
  const { host, port } = endpoint
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}${path.split('?', 1)[0]}`
  const verb = method.charAt(0) + method.slice(1).toLowerCase()
  const message = `${verb} ${JSON.stringify(url)}: ${why}`
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  })
}
