// SPDX-License-Identifier: Apache-2.0
// /exec and /attach: a process of a container, joined to a client over SPDY or WebSocket. Answers in the
// kubelet's words, which kubectl shows as they are.
import type { Pod } from '../../kube/types.gen.ts'
import type { CallContext, PodRef } from '../../provider/provider.ts'
import type { ProcessStreams, StreamChoice } from '../../provider/streams.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import type { Route, RouteCall } from '../router.ts'
import { noStreamText, streamChoiceOf } from '../streaming/remote-command/command-options.ts'
import { serveCommand } from '../streaming/remote-command/serve-command.ts'
import type { ServeCommandOptions } from '../streaming/remote-command/serve-command.ts'
import { describeUpgrade } from '../streaming/switch-protocols.ts'
import { openCommand } from '../streaming/remote-command/open-command.ts'
import type { StreamingDeps } from '../streaming/stream-options.ts'
import { tooManyStreams } from '../streaming/stream-quota.ts'
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
      const answer = 'answer' in plan ? plan.answer : await serve(call, plan, deps)
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
async function serve(
  { caller, request, signal, upgrade }: RouteCall,
  plan: Plan,
  deps: StreamingDeps,
): Promise<TextAnswer | undefined> {
  using place = deps.quota.take(caller)
  if (!place) return tooManyStreams
  const { log } = deps
  const { choice, ...options } = plan
  log.debug({ caller, ...describeUpgrade(request) }, 'Streaming connection')
  return await openCommand({ request, upgrade, choice, deps, signal }, (connection) =>
    serveCommand(connection, { ...options, start: () => plan.start({ signal, log }), signal }),
  )
}

function serverError(text: string): { readonly answer: TextAnswer } {
  return { answer: { status: 500, text } }
}

function notOffered(what: string): { readonly answer: TextAnswer } {
  return { answer: { status: 501, text: `${what} is not offered by this node's provider` } }
}
