// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet logs POD`: what a container wrote, byte for byte, for machines without kubectl.
import { createPinoLogger } from '../observe/pino-logger.ts'
import { ApiError } from '../kube/api-error.ts'
import { UserError, messageOf } from '../util/vk-error.ts'
import { openCluster } from './cluster-choice.ts'
import type { ClusterFlags } from './cluster-choice.ts'
import { readLogBytes } from './log-stream.ts'
import type { LogQuery } from './log-stream.ts'
import { choosePod } from './pod-argument.ts'

/** Flags of `logs`. */
export interface LogsFlags extends ClusterFlags {
  readonly namespace?: string
  readonly container?: string
  readonly follow?: boolean
  readonly previous?: boolean
  readonly timestamps?: boolean
  readonly tail?: number
  readonly since?: number
  readonly sinceTime?: string
}

/** Writes the log to standard output; resolves at its end. */
export async function logs(podName: string, flags: LogsFlags): Promise<void> {
  const log = createPinoLogger({ level: 'error', format: 'text' })
  await using access = await openCluster(flags, { env: process.env, log })
  const namespace = flags.namespace ?? access.connection.namespace
  const { pod, container } = await choosePod(access, { ...flags, pod: podName, namespace })
  const { name } = pod.metadata
  const query = logQueryOf(container, flags)
  const signal = new AbortController().signal
  try {
    for await (const piece of readLogBytes(access, { pod: { namespace, name }, query, signal })) {
      await write(piece)
    }
  } catch (error) {
    // What the API server refuses, the user has to change or wait for.
    if (error instanceof ApiError) throw new UserError(messageOf(error), { cause: error })
    throw error
  }
}

/** The query for the flags. */
export function logQueryOf(container: string, flags: LogsFlags): LogQuery {
  const { follow, previous, timestamps, tail, since, sinceTime } = flags
  if (since !== undefined && sinceTime !== undefined) {
    throw new UserError('Cannot use --since together with --since-time')
  }
  return {
    container,
    ...(follow && { follow }),
    ...(previous && { previous }),
    ...(timestamps && { timestamps }),
    ...(tail !== undefined && { tailLines: tail }),
    ...(since !== undefined && { sinceSeconds: Math.max(1, Math.ceil(since)) }),
    ...(sinceTime !== undefined && { sinceTime }),
  }
}

/** Waits for a reader that is slower than the log. */
async function write(piece: Buffer): Promise<void> {
  if (process.stdout.write(piece)) return
  await new Promise((resolve) => process.stdout.once('drain', resolve))
}
