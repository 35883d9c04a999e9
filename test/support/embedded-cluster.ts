// SPDX-License-Identifier: Apache-2.0
// A cluster for one test, in this process and in milliseconds: the embedded control plane in memory, a
// client for its administrator, and requests by hand for what a client would never send.
import { Agent, request as httpsRequest } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { startControlPlane } from '../../src/control-plane/control-plane.ts'
import type { ControlPlane, ControlPlaneOptions } from '../../src/control-plane/control-plane.ts'
import { createKubeClient } from '../../src/kube/http-kube-client.ts'
import type { KubeClient } from '../../src/kube/kube-client.ts'
import { connectionFromKubeconfigText } from './kubeconfig-connection.ts'
import { silentLogger } from '../../src/util/logger.ts'

/** What came back, the body as text. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; throws when it is none. */
  readonly json: () => Record<string, unknown>
}

export interface RawRequest {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** Anything but text and bytes is sent as JSON. */
  readonly body?: unknown
  /** A bearer token instead of the administrator's certificate. */
  readonly token?: string
  /** Sends no credentials at all. */
  readonly isAnonymous?: boolean
}

/** Starts a control plane and returns it with a client; by default without controllers. */
export async function startEmbeddedCluster(
  options: Partial<ControlPlaneOptions> = {},
): Promise<EmbeddedCluster> {
  const controlPlane = await startControlPlane({
    log: silentLogger,
    hasControllers: false,
    ...options,
  })
  return new EmbeddedCluster(controlPlane)
}

export class EmbeddedCluster implements AsyncDisposable {
  readonly controlPlane: ControlPlane
  /** The administrator's. */
  readonly client: KubeClient
  readonly #agent: Agent
  readonly #stranger: Agent

  constructor(controlPlane: ControlPlane) {
    this.controlPlane = controlPlane
    const connection = connectionFromKubeconfigText(controlPlane.adminKubeconfig)
    this.client = createKubeClient(connection.cluster, { userAgent: 'test', log: silentLogger })
    const { ca, cert, key } = connection
    this.#agent = new Agent({ ca, cert, key, keepAlive: true })
    this.#stranger = new Agent({ ca })
  }

  /** A client of someone else's. */
  async clientFor(user: string, groups: readonly string[] = []): Promise<KubeClient> {
    const text = await this.controlPlane.kubeconfigFor(user, groups)
    const { cluster } = connectionFromKubeconfigText(text)
    return createKubeClient(cluster, { userAgent: 'test', log: silentLogger })
  }

  /** One request, exactly as it is given. */
  async request(path: string, options: RawRequest = {}): Promise<RawAnswer> {
    const { method = 'GET', headers = {}, body, token, isAnonymous = false } = options
    const { hostname, port } = new URL(this.controlPlane.server)
    const payload =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
        ? body
        : JSON.stringify(body)
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    const outgoing = httpsRequest({
      host: hostname,
      port,
      path,
      method,
      agent: token !== undefined || isAnonymous ? this.#stranger : this.#agent,
      headers: {
        ...(payload !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      rawAnswer(response).then(resolve, reject)
    })
    outgoing.end(payload)
    return await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    this.#agent.destroy()
    this.#stranger.destroy()
    await this.controlPlane[Symbol.asyncDispose]()
  }
}

async function rawAnswer(response: IncomingMessage): Promise<RawAnswer> {
  const text = (await buffer(response)).toString('utf8')
  const { statusCode: status = 0, headers } = response
  const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
  return { status, headers, text, json }
}
