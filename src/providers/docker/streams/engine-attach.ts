// SPDX-License-Identifier: Apache-2.0
// Attaches to a container's program through the engine: its output from now on, and its input.
import type { Container } from '../../../kube/types.gen.ts'
import type { CallContext } from '../../../provider/provider.ts'
import type { ProcessStreams, StreamChoice } from '../../../provider/streams.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import { engineResize } from './engine-resize.ts'
import { inputTo, separate } from './separate-output.ts'

export interface AttachPlace {
  readonly client: Pick<EngineClient, 'hijack' | 'text'>
  readonly clock: Clock
  readonly engineId: string
  /** Resolves when the container has ended; rejects when nobody waits for that any more. */
  readonly whenEnded: (signal: AbortSignal) => Promise<void>
  /** Asks the engine. */
  readonly hasEnded: () => Promise<boolean>
}

/** The streams of a container that runs; rejects when it has ended, so that clients turn to its log. */
export async function attachToEngine(
  { client, clock, engineId, whenEnded, hasEnded }: AttachPlace,
  { spec, stdin, stdout, stderr }: StreamChoice & { readonly spec: Container },
  { signal }: Pick<CallContext, 'signal'>,
): Promise<ProcessStreams> {
  const isTerminal = spec.tty === true
  const wantsInput = stdin && spec.stdin === true
  const query = {
    stream: 1,
    stdin: wantsInput ? 1 : 0,
    stdout: stdout ? 1 : 0,
    stderr: stderr && !isTerminal ? 1 : 0,
  }
  const at = `/containers/${engineId}`
  // A body of no bytes: the end of one in chunks would be the first input of Podman's containers.
  const body = { archive: Buffer.alloc(0) }
  const connection = await client.hijack(
    { method: 'POST', path: `${at}/attach`, query, ...body },
    { signal: new AbortController().signal },
  )
  // It may break while the engine is asked below: its end is all that matters of an error.
  connection.on('error', () => {})
  signal.addEventListener('abort', () => connection.destroy(), { once: true })
  if (signal.aborted) connection.destroy()
  // Engines hold a connection to the input of what has ended before, and never end it.
  if (await hasEnded().catch(() => false)) {
    connection.destroy()
    throw new VkError('NotFound', 'the container has ended')
  }
  const output = separate(connection, { isTerminal, stdout, stderr })
  const over = new AbortController()
  void output.ended.then(() => over.abort())
  const ended = whenEnded(over.signal).catch(() => {})
  return {
    ...(wantsInput && { stdin: inputTo(connection) }),
    ...(output.out && { stdout: output.out }),
    ...(output.err && { stderr: output.err }),
    resize: engineResize({ client, clock, path: isTerminal ? `${at}/resize` : undefined }, signal),
    exited: ended.then(() => ({ exitCode: 0 })),
  }
}
