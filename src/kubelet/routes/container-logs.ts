// SPDX-License-Identifier: Apache-2.0
// /containerLogs/{namespace}/{pod}/{container}: what `kubectl logs` reads. Answers in the kubelet's
// words, because kubectl shows them to the user as they are.
import type { Pod } from '../../kube/types.gen.ts'
import type { LogQuery } from '../../provider/log-feed.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import { chooseInstance, hasContainer } from '../logs/choose-instance.ts'
import { parseLogOptions } from '../logs/log-options.ts'
import type { LogOptions } from '../logs/log-options.ts'
import { readLog } from '../logs/read-log.ts'
import { sendLog } from '../logs/send-log.ts'
import type { Route, RouteCall } from '../router.ts'
import { sendText } from '../text-response.ts'
import type { TextAnswer } from '../text-response.ts'

export interface ContainerLogsOptions {
  readonly clock: Clock
  readonly log: Logger
  /** The feature PodLogsQuerySplitStreams. */
  readonly allowStream?: boolean
}

/** A log that is followed and silent: how long its failure may still become a status. */
const followHeadWithinMs = 100

/** The route; the pods come from `node`. */
export function containerLogsRoute(node: KubeletNode, options: ContainerLogsOptions): Route {
  return {
    methods: ['GET'],
    path: '/containerLogs/:namespace/:pod/:container',
    async handle(call) {
      const request = readRequest(call, { node, options })
      if ('answer' in request) sendText(call.response, request.answer)
      else await send(call, { node, options, request })
    },
  }
}

interface Environment {
  readonly node: KubeletNode
  readonly options: ContainerLogsOptions
}

interface LogRequest {
  readonly pod: Pod
  readonly container: string
  readonly previous: boolean
  readonly wanted: LogOptions
}

function readRequest(
  { params, query }: RouteCall,
  { node, options }: Environment,
): LogRequest | { readonly answer: TextAnswer } {
  const { container = '', namespace = '', pod: podName = '' } = params
  const parsed = parseLogOptions(query, { allowStream: options.allowStream ?? false })
  if (!parsed.isValid) return { answer: parsed.answer }
  const wanted = parsed.options
  const pod = node.findPod(namespace, podName)
  const quoted = JSON.stringify(podName)
  if (!pod) return { answer: { status: 404, text: `pod ${quoted} does not exist` } }
  if (!hasContainer(pod, container)) {
    const text = `container ${JSON.stringify(container)} not found in pod ${quoted}`
    return { answer: { status: 404, text } }
  }
  const choice = chooseInstance(pod, { container, previous: wanted.previous })
  if (choice.kind === 'none') return { answer: { status: 400, text: choice.why } }
  return { pod, container, previous: choice.kind === 'previous', wanted }
}

async function send(
  { response, signal }: RouteCall,
  { node, options, request }: Environment & { readonly request: LogRequest },
): Promise<void> {
  const { clock, log } = options
  const { container, pod, previous, wanted } = request
  const { name, namespace, uid } = pod.metadata
  const sinceMs = sinceOf(wanted, clock)
  const ended = new AbortController()
  const context = { signal: AbortSignal.any([signal, ended.signal]), log }
  const open = ({ follow }: { readonly follow: boolean }) =>
    node.provider.logs({ namespace, name, uid }, container, queryOf(follow), context)
  const queryOf = (follow: boolean): LogQuery => ({
    previous,
    follow,
    ...(wanted.tailLines !== undefined && { tailLines: wanted.tailLines }),
    // A tail is counted before older entries are dropped, so the backend must not drop them first.
    ...(sinceMs !== undefined && wanted.tailLines === undefined && { sinceMs }),
  })
  try {
    const pieces = readLog(open, { ...wanted, ...(sinceMs !== undefined && { sinceMs }) })
    await sendLog(response, pieces, {
      signal,
      clock,
      ...(wanted.follow && { headWithinMs: followHeadWithinMs }),
    })
  } finally {
    ended.abort()
  }
}

function sinceOf({ since }: LogOptions, clock: Clock): number | undefined {
  if (!since) return undefined
  return 'timeMs' in since ? since.timeMs : clock.nowMs() - since.seconds * 1000
}
