// SPDX-License-Identifier: Apache-2.0
// nodes/NAME/proxy and pods/NAME/proxy: an HTTP request goes on to the node's kubelet or to a port of
// the pod. Credentials for this server stay here.
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { kubeletEndpoint, nodeAddresses } from '../../kubelet/kubelet-endpoint.ts'
import { isProxyable } from '../../kubelet/proxyable-address.ts'
import { podNamed } from '../../kubelet/pod-container.ts'
import type { KubeletContext } from '../../kubelet/pod-logs.ts'
import { forwardedHeaders } from '../../kubelet/pod-streams.ts'
import { badRequest, serviceUnavailable } from '../../objects/api-status.ts'
import type { ApiExchange } from '../api-exchange.ts'
import type { ResourceTarget } from '../request-info.ts'
import { endToEndHeaders, framingOf } from './passed-headers.ts'

/** The node may be named with a port: `one:10250`. */
export async function proxyToNode(
  { store, kubelets }: KubeletContext,
  exchange: ApiExchange,
  target: ResourceTarget,
): Promise<void> {
  const [name = '', port] = target.name.split(':')
  const endpoint = kubeletEndpoint(store, name)
  if (port !== undefined && port !== '' && Number(port) !== endpoint.port) {
    throw badRequest(`only the kubelet's port ${endpoint.port} of node "${name}" is proxied`)
  }
  const answer = await kubelets.call({
    endpoint,
    method: exchange.info.method,
    path: pathBehind(exchange, target),
    headers: requestHeaders(exchange),
    body: exchange.request,
    signal: exchange.signal,
  })
  await passOn(exchange, answer)
}

/**
 * The pod may be named with a port, `web:8080`, and a scheme, `https:web:8443`; by default it is HTTP to
 * the first port of its first container. Nobody has vouched for certificates of pods: any will do.
 */
export async function proxyToPod(
  { store }: KubeletContext,
  exchange: ApiExchange,
  target: ResourceTarget,
): Promise<void> {
  const isHttps = target.name.startsWith('https:')
  const [name = '', given] = target.name.replace(/^https?:/, '').split(':')
  const pod = podNamed(store, target.namespace, name)
  const host = pod.status?.podIP
  if (!host) throw badRequest('pod is not running or has no IP address')
  if (!isProxyable(host, nodeAddresses(store))) {
    throw badRequest('address not allowed')
  }
  const port = Number(given || pod.spec.containers[0]?.ports?.[0]?.containerPort || 80)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw badRequest(`invalid pod request "${target.name}"`)
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const outgoing = (isHttps ? httpsRequest : httpRequest)({
    rejectUnauthorized: false,
    host,
    port,
    method: exchange.info.method,
    path: pathBehind(exchange, target),
    headers: requestHeaders(exchange),
    signal: exchange.signal,
  })
  outgoing.on('response', resolve)
  outgoing.on('error', (error) =>
    reject(serviceUnavailable(`error trying to reach service: ${error.message}`)),
  )
  // Whatever ends it without an answer, such as another protocol that nobody has asked for.
  outgoing.on('close', () =>
    reject(serviceUnavailable('error trying to reach service: it has not answered')),
  )
  exchange.request.pipe(outgoing)
  await passOn(exchange, await promise)
}

function pathBehind({ info }: ApiExchange, { rest }: ResourceTarget): string {
  return `${rest === '' ? '/' : rest}${info.query.size > 0 ? `?${info.query.toString()}` : ''}`
}

function requestHeaders({ request }: ApiExchange): OutgoingHttpHeaders {
  return { ...forwardedHeaders(endToEndHeaders(request.headers)), ...framingOf(request) }
}

async function passOn(exchange: ApiExchange, answer: IncomingMessage): Promise<void> {
  exchange.response.writeHead(answer.statusCode ?? 502, endToEndHeaders(answer.headers))
  await pipeline(answer, exchange.response).catch((error: unknown) => {
    // An answer that has begun can only end.
    if (!exchange.signal.aborted) exchange.response.destroy(error as Error)
  })
}
