// SPDX-License-Identifier: Apache-2.0
// exec, attach and port-forward: the client's upgrade is handed to the pod's kubelet as it is, SPDY or
// WebSocket, and the two connections become one. What a kubelet does not speak, it refuses itself, and
// clients then fall back (kubectl goes from WebSocket to SPDY).
import type { OutgoingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isTrue } from '../http/request-info.ts'
import type { RequestInfo, ResourceTarget } from '../http/request-info.ts'
import { badRequest } from '../objects/api-status.ts'
import { firstBytes } from './bounded-body.ts'
import { kubeletEndpoint } from './kubelet-endpoint.ts'
import type { UpgradeAnswer } from './kubelet-client.ts'
import { containerOf, nodeOf, podNamed } from './pod-container.ts'
import type { KubeletContext } from './pod-logs.ts'

/** An upgrade that a client has asked for. */
export interface UpgradeRequest {
  readonly info: RequestInfo
  readonly target: ResourceTarget
  readonly headers: NodeJS.Dict<string | string[]>
  readonly socket: Duplex
  readonly head: Buffer
  readonly signal: AbortSignal
}

const streamSubresources: readonly string[] = ['exec', 'attach', 'portforward']

/** Whether this is a stream of a pod; another group may have a kind of that name. */
export function isPodStream({ group, version, plural, subresource }: ResourceTarget): boolean {
  const isPod = group === '' && version === 'v1' && plural === 'pods'
  return isPod && streamSubresources.includes(subresource)
}

/** Joins the client's connection with the kubelet's; resolves when both have ended. */
export async function joinPodStream(
  { store, kubelets }: KubeletContext,
  request: UpgradeRequest,
): Promise<void> {
  const { target, info, signal } = request
  const pod = podNamed(store, target.namespace, target.name)
  const path = streamPath(target, info.query, () =>
    containerOf(pod, info.query.get('container') ?? ''),
  )
  const answer = await kubelets.upgrade({
    endpoint: kubeletEndpoint(store, nodeOf(pod)),
    method: info.method,
    path,
    headers: forwardedHeaders(request.headers),
    signal,
  })
  await join(request, answer)
}

/** The kubelet's address for a stream; container and streams by its own names. */
function streamPath(
  { namespace, name, subresource }: ResourceTarget,
  query: URLSearchParams,
  container: () => string,
): string {
  const parameters = new URLSearchParams()
  if (subresource === 'portforward') {
    for (const port of query.getAll('ports')) parameters.append('port', port)
    return `/portForward/${namespace}/${name}${parameters.size > 0 ? `?${parameters.toString()}` : ''}`
  }
  for (const [own, theirs] of streamNames) {
    if (isTrue(query.get(own))) parameters.set(theirs, '1')
  }
  for (const word of query.getAll('command')) parameters.append('command', word)
  return `/${subresource}/${namespace}/${name}/${container()}?${parameters.toString()}`
}

const streamNames = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const

/** Everything that concerns the stream, nothing that says who the client is. */
export function forwardedHeaders(headers: NodeJS.Dict<string | string[]>): OutgoingHttpHeaders {
  const forwarded: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || withheld.test(name)) continue
    forwarded[name] = value
  }
  const protocols = forwarded['sec-websocket-protocol']
  if (protocols !== undefined) {
    // A token may travel as a protocol; it was for this server.
    const kept = String(protocols)
      .split(',')
      .filter((one) => !one.includes('base64url.bearer.authorization.k8s.io'))
    forwarded['sec-websocket-protocol'] = kept.join(',')
  }
  return forwarded
}

const withheld = /^(authorization|host|cookie|impersonate-.*|x-remote-.*|x-forwarded-.*)$/

const listenersOfStream = 30
const maxRefusalBytes = 1024 * 1024

async function join({ socket, head }: UpgradeRequest, answer: UpgradeAnswer): Promise<void> {
  if (answer.kind === 'answered') {
    const { response } = answer
    const body = await firstBytes(response, maxRefusalBytes)
    const type = response.headers['content-type'] ?? 'text/plain'
    socket.write(
      `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\nContent-Type: ${type}\r\n` +
        `${acceptedVersions(response.headers)}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
    )
    socket.end(body)
    return
  }
  socket.write(switchingHead(answer.rawHeaders))
  if (answer.head.length > 0) socket.write(answer.head)
  if (head.length > 0) answer.socket.write(head)
  // Both ways of a pipeline, and HTTP before it, listen on each socket: more than node expects, not a leak.
  for (const end of [socket, answer.socket]) end.setMaxListeners(listenersOfStream)
  await pipeline(socket, answer.socket, socket).catch(() => {
    // A side that breaks ends the other; there is nobody left to tell.
  })
  socket.destroy()
  answer.socket.destroy()
}

function switchingHead(rawHeaders: readonly string[]): string {
  const lines = ['HTTP/1.1 101 Switching Protocols']
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

function acceptedVersions(headers: NodeJS.Dict<string | string[]>): string {
  const accepted = headers['x-accepted-stream-protocol-versions']
  return accepted === undefined
    ? ''
    : `X-Accepted-Stream-Protocol-Versions: ${String(accepted)}\r\n`
}

/** For a request to a stream that asks for no upgrade. */
export function upgradeRequired(): Error {
  return badRequest('Upgrade request required')
}
