// SPDX-License-Identifier: Apache-2.0
// Runs a small program of the host, such as mount, and waits for it: by the spawner where there is one, for
// a fork of ours costs more than all that the program does. None is waited for without end: a file system whose
// server is away can hold up whoever touches it.
import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../../util/clock.ts'
import { VkError } from '../../util/vk-error.ts'
import type { Spawner } from './spawner.ts'

/** Takes a path and arguments; rejects unless the program exits with 0, and soon. */
export type RunTool = (argv: readonly string[]) => Promise<void>

/** All that is run takes a few milliseconds; the rest is for a machine that is busy. */
const limitSeconds = 30

export interface ToolRunnerParts {
  /** Undefined: each is a child of ours. */
  readonly spawner: Pick<Spawner, 'isOfUse' | 'run'> | undefined
  readonly clock: Clock
}

/** Runs tools one after the other. */
export function toolRunner({ spawner, clock }: ToolRunnerParts): RunTool {
  return async (argv) => {
    const limit = new AbortController()
    const { signal } = limit
    const [file = '', ...args] = argv
    using _late = clock.setTimer(limitSeconds * 1000, () => limit.abort(lateError(file)))
    if (spawner?.isOfUse === true) return await spawner.run(argv, signal)
    try {
      await promisify(execFile)(file, args, { env: {}, signal, killSignal: 'SIGKILL' })
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }
}

function lateError(file: string): VkError {
  const message = `${basename(file)} has not ended within ${limitSeconds} s`
  return new VkError('Timeout', message, { podReason: 'CreateContainerError' })
}
