// SPDX-License-Identifier: Apache-2.0
// One cluster as the commands for people use it: the typed client, and beside it plain requests and
// streams for what the client does not offer (any kind of object, logs).
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { answerToError } from '../kube/api-answer.ts'
import type { HttpAnswer } from '../kube/http-exchange.ts'
import { createKubeClient } from '../kube/http-kube-client.ts'
import type { HttpStream } from '../kube/http-stream.ts'
import { HttpTransport } from '../kube/http-transport.ts'
import type { HttpRequest } from '../kube/http-transport.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Logger } from '../util/logger.ts'
import { userAgent } from './version.ts'

const defaultTimeoutMs = 30_000

/** A request; without a time limit of its own it has 30 s. */
export type AccessRequest = Omit<HttpRequest, 'timeoutMs'> & { readonly timeoutMs?: number }

/** Connections to one API server, closed when disposed of. */
export class ClusterAccess implements AsyncDisposable {
  readonly connection: ClusterConnection
  readonly client: KubeClient
  readonly #transport: HttpTransport

  constructor(connection: ClusterConnection, { log }: { readonly log: Logger }) {
    this.connection = connection
    this.client = createKubeClient(connection, { userAgent, log })
    this.#transport = new HttpTransport(connection, { userAgent, log })
  }

  /** Sends a request; an answer of 400 or more becomes an `ApiError` that says what was attempted. */
  async send(request: AccessRequest, attempt: string): Promise<HttpAnswer> {
    const answer = await this.#transport.exchange({ timeoutMs: defaultTimeoutMs, ...request })
    if (answer.status >= 400) throw answerToError(answer, attempt)
    return answer
  }

  /** Opens a stream of bytes; a status of 400 or more becomes an `ApiError`. */
  async openStream(request: AccessRequest, attempt: string): Promise<HttpStream> {
    const stream = await this.#transport.openStream({ timeoutMs: defaultTimeoutMs, ...request })
    if (stream.status < 400) return stream
    const parts: Buffer[] = []
    for (let read = await stream.read(); read; read = await stream.read()) parts.push(...read)
    const body = Buffer.concat(parts).toString('utf8')
    throw answerToError({ status: stream.status, headers: stream.headers, body }, attempt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.#transport[Symbol.asyncDispose]()
  }
}
