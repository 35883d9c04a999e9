// SPDX-License-Identifier: Apache-2.0
// /run: a command in a container without a terminal or input, all its output as one answer. It was there
// before exec, and some tools still use it.
import type { ProcessStreams } from '../../provider/streams.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import type { Route, RouteCall } from '../router.ts'
import { sendText } from '../text-response.ts'
import type { TextAnswer } from '../text-response.ts'
import { findContainer } from './find-container.ts'

/** As much output is kept; the rest of it is thrown away. */
const maxOutputBytes = 16 * 1024 * 1024

/** Routes with and without the pod's uid in the path. */
export function runRoutes(node: KubeletNode, { log }: { readonly log: Logger }): readonly Route[] {
  return ['', '/:uid'].map((uid) => ({
    methods: ['POST'],
    path: `/run/:namespace/:pod${uid}/:container`,
    async handle(call) {
      const result = await run(call, node, log)
      if (!Buffer.isBuffer(result)) return sendText(call.response, result)
      // Labelled so by the kubelet too, whatever it is.
      call.response.writeHead(200, { 'content-type': 'application/json' })
      call.response.end(result)
    },
  }))
}

async function run(
  { params, query, signal }: RouteCall,
  node: KubeletNode,
  log: Logger,
): Promise<Buffer | TextAnswer> {
  const { container = '', namespace = '', pod: podName = '', uid: wantedUid } = params
  const { provider } = node
  const pod = node.findPod(namespace, podName)
  if (!pod) return { status: 404, text: 'pod does not exist' }
  const { name, uid } = pod.metadata
  const { isRunning } = findContainer(pod, container)
  if (!isRunning || (wantedUid !== undefined && wantedUid !== uid)) {
    return { status: 500, text: `container not found (${JSON.stringify(container)})` }
  }
  if (!provider.exec) return { status: 501, text: "run is not offered by this node's provider" }
  const command = (query.get('cmd') ?? '').split(' ')
  const options = { command, stdin: false, stdout: true, stderr: true, tty: false }
  const ended = new AbortController()
  const context = { signal: AbortSignal.any([signal, ended.signal]), log }
  try {
    const process = await provider.exec({ namespace, name, uid }, container, options, context)
    const output = await collect(process)
    const { exitCode } = await process.exited
    if (exitCode === 0) return output
    const text = `command '${command.join(' ')}' exited with ${exitCode}: ${output.toString()}`
    return { status: 500, text }
  } catch (error) {
    return { status: 500, text: messageOf(error) }
  } finally {
    ended.abort()
  }
}

/** Both outputs in the order in which they come. */
async function collect({ stdout, stderr }: ProcessStreams): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  const streams = [stdout, stderr].filter((stream) => stream !== undefined)
  await Promise.all(
    streams.map(async (stream) => {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        const kept = piece.subarray(0, maxOutputBytes - length)
        length += kept.length
        pieces.push(kept)
      }
    }),
  )
  return Buffer.concat(pieces)
}
