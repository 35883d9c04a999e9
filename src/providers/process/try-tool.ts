// SPDX-License-Identifier: Apache-2.0
// Finds out what a program of the host does here, once, before there are containers. One that is slow has said
// neither yes nor no: to go on as if it had would start containers without what protects the host.
import { spawnSync } from 'node:child_process'
import type { SpawnSyncReturns, StdioOptions } from 'node:child_process'
import { basename } from 'node:path'
import { UserError } from '../../util/vk-error.ts'

/** All that is tried takes milliseconds; the rest is for a machine that is just starting, with all its services. */
const patienceMs = 60_000

export interface TryOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdio?: StdioOptions
  readonly limitMs?: number
}

/** How it has ended, or why it could not be run; throws a UserError where it has not ended within a minute. */
export function tryTool(
  file: string,
  args: readonly string[],
  { env = {}, stdio = 'pipe', limitMs = patienceMs }: TryOptions = {},
): SpawnSyncReturns<string> {
  const limit = { timeout: limitMs, killSignal: 'SIGKILL' } as const
  const result = spawnSync(file, args, { env, stdio, encoding: 'utf8', ...limit })
  const error: NodeJS.ErrnoException | undefined = result.error
  if (error?.code !== 'ETIMEDOUT') return result
  throw new UserError(
    `Cannot find out what ${basename(file)} does here: it has not ended within ${limitMs / 1000} s`,
    {
      hint: 'Look for what keeps this machine so busy, or for a file system that does not answer.',
    },
  )
}
