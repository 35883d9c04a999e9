// SPDX-License-Identifier: Apache-2.0
// /exec and /attach: a process of a container, joined to a client over SPDY or WebSocket. Answers in the
// kubelet's words, which kubectl shows as they are.
import type { Pod } from '../../kube/types.gen.ts'
import type { CallContext, PodRef } from '../../provider/provider.ts'
import type { ProcessStreams, StreamChoice } from '../../provider/streams.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import type { UpgradeOffer } from '../listener.ts'
import type { Route, RouteCall } from '../router.ts'
import { noStreamText, streamChoiceOf } from '../streaming/remote-command/command-options.ts'
import { serveCommand } from '../streaming/remote-command/serve-command.ts'
import type { ServeCommandOptions } from '../streaming/remote-command/serve-command.ts'
import {
  SpdyCommandStreams,
  spdyCommandConnection,
  spdyCommandProtocols,
} from '../streaming/remote-command/spdy-command.ts'
import type { SpdyCommandProtocol } from '../streaming/remote-command/spdy-command.ts'
import { SpdySession } from '../streaming/spdy/spdy-session.ts'
import type { StreamingDeps } from '../streaming/stream-options.ts'
import { chooseProtocol, switchToSpdy, upgradeKindOf } from '../streaming/switch-protocols.ts'
import { sendText } from '../text-response.ts'
import type { TextAnswer } from '../text-response.ts'
import { findContainer } from './find-container.ts'

/** Routes with and without the pod's uid in the path. */
export function execRoutes(node: KubeletNode, deps: StreamingDeps): readonly Route[] {
  return routesFor('exec', (call) => execPlan(call, node), deps)
}

export function attachRoutes(node: KubeletNode, deps: StreamingDeps): readonly Route[] {
  return routesFor('attach', (call) => attachPlan(call, node), deps)
}

/** What is to be served once the client has switched protocols. */
interface Plan extends Omit<ServeCommandOptions, 'signal' | 'start'> {
  readonly choice: StreamChoice
  start(context: CallContext): Promise<ProcessStreams>
}

type PlanOrAnswer = Plan | { readonly answer: TextAnswer }

function routesFor(
  name: string,
  planOf: (call: RouteCall) => PlanOrAnswer,
  deps: StreamingDeps,
): readonly Route[] {
  return ['', '/:uid'].map((uid) => ({
    methods: ['GET', 'POST'],
    path: `/${name}/:namespace/:pod${uid}/:container`,
    async handle(call) {
      const plan = planOf(call)
      const answer = 'answer' in plan ? plan.answer : await upgrade(call, plan, deps)
      if (answer) sendText(call.response, answer)
    },
  }))
}

function execPlan(call: RouteCall, node: KubeletNode): PlanOrAnswer {
  const { provider } = node
  const found = readRequest(call, node)
  if ('answer' in found) return found
  const { container, isRunning, choice, ref } = found
  const exec = provider.exec?.bind(provider)
  if (!isRunning) return serverError(`container not found (${JSON.stringify(container)})`)
  if (!exec) return notOffered('exec')
  const options = { ...choice, command: call.query.getAll('command') }
  return {
    choice,
    failureIs: 'error executing command in container',
    reportsExit: true,
    start: (context) => exec(ref, container, options, context),
  }
}

function attachPlan(call: RouteCall, node: KubeletNode): PlanOrAnswer {
  const { provider } = node
  const found = readRequest(call, node)
  if ('answer' in found) return found
  const { container, isRunning, pod, ref } = found
  const attach = provider.attach?.bind(provider)
  const { name, namespace } = pod.metadata
  if (!isRunning) return serverError(`container ${container} not found in pod ${name}_${namespace}`)
  if (!attach) return notOffered('attach')
  const choice = {
    ...found.choice,
    tty: found.hasTty,
    stderr: found.choice.stderr && !found.hasTty,
  }
  return {
    choice,
    failureIs: 'error attaching to container',
    reportsExit: false,
    start: (context) => attach(ref, container, choice, context),
  }
}

interface CommandRequest {
  readonly pod: Pod
  readonly ref: PodRef
  readonly container: string
  readonly choice: StreamChoice
  readonly isRunning: boolean
  /** Of the container, as its spec has it. */
  readonly hasTty: boolean
}

function readRequest(
  { params, query }: RouteCall,
  node: KubeletNode,
): CommandRequest | { readonly answer: TextAnswer } {
  const { container = '', namespace = '', pod: podName = '', uid: wantedUid } = params
  const choice = streamChoiceOf(query)
  if (!choice) return { answer: { status: 400, text: noStreamText } }
  const pod = node.findPod(namespace, podName)
  if (!pod) return { answer: { status: 404, text: 'pod does not exist' } }
  const { name, uid } = pod.metadata
  const found = findContainer(pod, container)
  const isRunning = found.isRunning && (wantedUid === undefined || wantedUid === uid)
  return { pod, ref: { namespace, name, uid }, container, choice, isRunning, hasTty: found.hasTty }
}

/** Serves the client to its end; or what to answer it instead. */
async function upgrade(
  call: RouteCall,
  plan: Plan,
  deps: StreamingDeps,
): Promise<TextAnswer | undefined> {
  const kind = upgradeKindOf(call.request)
  if (!call.upgrade || !kind) {
    return { status: 400, text: 'Upgrade request required' }
  }
  using place = deps.quota.take(call.caller)
  if (!place) return { status: 429, text: 'too many streaming connections' }
  if (kind === 'websocket') return { status: 501, text: 'not yet' }
  const chosen = chooseProtocol(call.request, spdyCommandProtocols)
  if ('answer' in chosen) return chosen.answer
  await serveSpdy(call.upgrade, { ...chosen, plan, deps, signal: call.signal })
  return undefined
}

async function serveSpdy(
  offer: UpgradeOffer,
  {
    protocol,
    plan,
    deps,
    signal,
  }: {
    readonly protocol: SpdyCommandProtocol
    readonly plan: Plan
    readonly deps: StreamingDeps
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { clock, limits, log } = deps
  const streams = new SpdyCommandStreams(plan.choice, protocol)
  const session = new SpdySession(switchToSpdy(offer, protocol), {
    clock,
    idleTimeoutMs: limits.idleTimeoutMs,
    onStream: (stream) => streams.onStream(stream),
  })
  const reading = session.run().catch((error: unknown) => {
    log.debug({ error: messageOf(error) }, 'Streaming connection ended by a broken frame')
  })
  const isComplete = await streams.whenComplete({
    clock,
    timeoutMs: limits.creationTimeoutMs,
    signal: AbortSignal.any([session.ended, signal]),
  })
  if (isComplete) {
    await serveCommand(spdyCommandConnection(session, streams, protocol), {
      ...plan,
      start: (ended) => plan.start({ signal: ended, log }),
      signal,
    })
  }
  session.close()
  await reading
}

function serverError(text: string): { readonly answer: TextAnswer } {
  return { answer: { status: 500, text } }
}

function notOffered(what: string): { readonly answer: TextAnswer } {
  return { answer: { status: 501, text: `${what} is not offered by this node's provider` } }
}
