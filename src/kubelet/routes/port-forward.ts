// SPDX-License-Identifier: Apache-2.0
// /portForward: TCP connections into a pod, over SPDY, over SPDY in a WebSocket, or over the channels of
// older WebSocket clients.
import type { Pod } from '../../kube/types.gen.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import type { UpgradeOffer } from '../listener.ts'
import type { Route, RouteCall } from '../router.ts'
import type { PortTarget } from '../streaming/port-forward/forward-port.ts'
import { servePortForward } from '../streaming/port-forward/spdy-port-forward.ts'
import { notAnUpgrade } from '../streaming/remote-command/open-command.ts'
import type { StreamingDeps } from '../streaming/stream-options.ts'
import { tooManyStreams } from '../streaming/stream-quota.ts'
import {
  chooseProtocol,
  describeUpgrade,
  switchToSpdy,
  upgradeKindOf,
} from '../streaming/switch-protocols.ts'
import { acceptWebSocket, chooseSubprotocol } from '../streaming/websocket/accept-websocket.ts'
import {
  portsOf,
  serveWebSocketPorts,
  websocketPortForwardProtocols,
} from '../streaming/websocket/websocket-port-forward.ts'
import { WebSocketTunnel } from '../streaming/websocket/websocket-tunnel.ts'
import { sendText } from '../text-response.ts'
import type { TextAnswer } from '../text-response.ts'

const spdyProtocols = ['portforward.k8s.io'] as const
/** SPDY inside of a WebSocket. */
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'
const websocketProtocols = [tunnelProtocol, ...websocketPortForwardProtocols] as const

/** Routes with and without the pod's uid in the path. */
export function portForwardRoutes(node: KubeletNode, deps: StreamingDeps): readonly Route[] {
  return ['', '/:uid'].map((uid) => ({
    methods: ['GET', 'POST'],
    path: `/portForward/:namespace/:pod${uid}`,
    async handle(call) {
      const found = targetOf(call, { node, deps })
      const answer = 'answer' in found ? found.answer : await serve(call, found, deps)
      if (answer) sendText(call.response, answer)
    },
  }))
}

function targetOf(
  { params }: RouteCall,
  { node, deps }: { readonly node: KubeletNode; readonly deps: StreamingDeps },
): PortTarget | { readonly answer: TextAnswer } {
  const { namespace = '', pod: podName = '', uid: wantedUid } = params
  const pod = node.findPod(namespace, podName)
  if (!pod) return { answer: { status: 404, text: 'pod does not exist' } }
  const { name, uid } = pod.metadata
  if (wantedUid !== undefined && wantedUid !== uid) {
    return { answer: { status: 404, text: 'pod not found' } }
  }
  if (hasEnded(pod)) {
    const text = `pod not found (${JSON.stringify(`${name}_${namespace}`)})`
    return { answer: { status: 500, text } }
  }
  const { provider } = node
  const portForward = provider.portForward?.bind(provider)
  if (!portForward) {
    const text = "portForward is not offered by this node's provider"
    return { answer: { status: 501, text } }
  }
  return {
    podName: name,
    podUid: uid,
    connect: (port, signal) =>
      portForward({ namespace, name, uid }, port, { signal, log: deps.log }),
  }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

async function serve(
  call: RouteCall,
  target: PortTarget,
  deps: StreamingDeps,
): Promise<TextAnswer | undefined> {
  const { caller, request, signal, upgrade } = call
  const kind = upgradeKindOf(request)
  if (!upgrade || !kind) return notAnUpgrade
  using place = deps.quota.take(caller)
  if (!place) return tooManyStreams
  deps.log.debug({ caller, ...describeUpgrade(request) }, 'Streaming connection')
  if (kind === 'websocket') return await serveWebSocket({ ...call, upgrade }, target, deps)
  const chosen = chooseProtocol(request, spdyProtocols)
  if ('answer' in chosen) return chosen.answer
  await servePortForward(switchToSpdy(upgrade, chosen.protocol), { target, deps, signal })
  return undefined
}

async function serveWebSocket(
  { query, request, signal, upgrade }: RouteCall & { readonly upgrade: UpgradeOffer },
  target: PortTarget,
  deps: StreamingDeps,
): Promise<TextAnswer | undefined> {
  const chosen = chooseSubprotocol(request, websocketProtocols)
  if ('answer' in chosen) return chosen.answer
  const { protocol } = chosen
  if (protocol === tunnelProtocol) {
    const accepted = await acceptWebSocket(request, upgrade, protocol)
    if (accepted) await servePortForward(new WebSocketTunnel(accepted), { target, deps, signal })
    return undefined
  }
  const asked = portsOf(query)
  if ('why' in asked) return { status: 400, text: asked.why }
  const accepted = await acceptWebSocket(request, upgrade, protocol)
  if (!accepted) return undefined
  await serveWebSocketPorts(accepted, { ...asked, protocol, target, deps, signal })
  return undefined
}
