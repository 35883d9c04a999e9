// SPDX-License-Identifier: Apache-2.0
// GET pods/NAME/log: asks the pod's kubelet and passes on what it says, as it comes.
import { pipeline } from 'node:stream/promises'
import type { IncomingMessage } from 'node:http'
import type { ApiExchange } from '../http/api-exchange.ts'
import { isTrue } from '../http/request-info.ts'
import type { ResourceTarget } from '../http/request-info.ts'
import { StatusError } from '../objects/api-status.ts'
import type { Store } from '../storage/store.ts'
import { firstBytes } from './bounded-body.ts'
import { kubeletEndpoint } from './kubelet-endpoint.ts'
import type { KubeletClient } from './kubelet-client.ts'
import { containerOf, podNamed } from './pod-container.ts'

/** What the log and stream requests work with. */
export interface KubeletContext {
  readonly store: Store
  readonly kubelets: KubeletClient
}

const contentType = 'text/plain'
const maxErrorBytes = 50_000

export async function sendPodLog(
  { store, kubelets }: KubeletContext,
  exchange: ApiExchange,
  { namespace, name }: ResourceTarget,
): Promise<void> {
  const pod = podNamed(store, namespace, name)
  const container = containerOf(pod, exchange.info.query.get('container') ?? '')
  const { nodeName } = pod.spec
  if (!nodeName) {
    exchange.sendBytes(200, Buffer.alloc(0), contentType)
    return
  }
  const path = `/containerLogs/${namespace}/${name}/${container}${kubeletQuery(exchange.info.query)}`
  const answer = await kubelets.call({
    endpoint: kubeletEndpoint(store, nodeName),
    method: 'GET',
    path,
    signal: exchange.signal,
  })
  if (answer.statusCode !== 200) throw await refusalOf(answer)
  exchange.start(200, contentType)
  await pipeline(answer, exchange.response).catch((error: unknown) => {
    // Either side has gone; an answer that has begun can only end.
    if (!exchange.signal.aborted) exchange.response.destroy(error as Error)
  })
}

const passedOn = ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes', 'stream'] as const
const flags = ['follow', 'previous', 'timestamps'] as const

/** The query as kubelets understand it: only what is set, flags only when they are true. */
function kubeletQuery(query: URLSearchParams): string {
  const parameters = new URLSearchParams()
  for (const flag of flags) if (isTrue(query.get(flag))) parameters.set(flag, 'true')
  for (const key of passedOn) {
    const value = query.get(key)
    if (value !== null) parameters.set(key, value)
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  422: 'BadRequest',
}

/** A kubelet's words as a Status. */
export async function refusalOf(answer: IncomingMessage): Promise<StatusError> {
  const bytes = await firstBytes(answer, maxErrorBytes)
  const message = bytes.toString('utf8').trim()
  const code = answer.statusCode ?? 500
  const reason = reasons[code] ?? 'InternalError'
  return new StatusError(code === 422 ? 400 : code, reason, message, {})
}
