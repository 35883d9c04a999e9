// SPDX-License-Identifier: Apache-2.0
// /pods: the pods bound to the node as we see them; /runningpods: what the backend really runs.
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ContainerStatus, Pod } from '../../kube/types.gen.ts'
import type { ObservedPod } from '../../provider/provider.ts'
import type { Logger } from '../../util/logger.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import type { Route } from '../router.ts'
import { untilAborted } from '../../util/until-aborted.ts'

const pieceLength = 64 * 1024

/** `/pods`. */
export function podsRoute(node: KubeletNode): Route {
  return {
    methods: ['GET'],
    path: '/pods',
    handle: ({ response, signal }) => sendPodList(response, node.pods(), signal),
  }
}

/** `/runningpods`, with or without a slash at its end. */
export function runningPodsRoute(node: KubeletNode, { log }: { readonly log: Logger }): Route {
  return {
    methods: ['GET'],
    path: '/runningpods',
    async handle({ response, signal }) {
      const observed = await untilAborted(node.provider.listPods({ signal, log }), signal)
      await sendPodList(response, runningOf(observed), signal)
    },
  }
}

/** Sent piece by piece: the list of a large node is tens of megabytes. */
async function sendPodList(
  response: ServerResponse,
  pods: Iterable<object>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  await pipeline(Readable.from(podListPieces(pods), { objectMode: false }), response, { signal })
}

function* podListPieces(pods: Iterable<object>): Generator<string> {
  let piece = '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":'
  let isFirst = true
  for (const pod of pods) {
    piece += (isFirst ? '[' : ',') + JSON.stringify(pod)
    isFirst = false
    if (piece.length < pieceLength) continue
    yield piece
    piece = ''
  }
  yield piece + (isFirst ? 'null}' : ']}')
}

type RunningPod = Pick<Pod, 'metadata' | 'spec'> & { readonly status: object }

function* runningOf(observed: readonly ObservedPod[]): Generator<RunningPod> {
  for (const { ref, initContainers, containers, ephemeralContainers } of observed) {
    const running = [...initContainers, ...containers, ...ephemeralContainers].filter(isRunning)
    if (running.length === 0) continue
    yield {
      metadata: { name: ref.name, namespace: ref.namespace, uid: ref.uid },
      spec: { containers: running.map(({ name, image }) => ({ name, image, resources: {} })) },
      status: {},
    }
  }
}

function isRunning(status: ContainerStatus): boolean {
  return status.state?.running !== undefined
}
