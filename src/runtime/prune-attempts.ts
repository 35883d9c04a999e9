// SPDX-License-Identifier: Apache-2.0
// Keeps of a container's ended runs only the newest, for `kubectl logs --previous`.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext } from '../provider/provider.ts'
import type { ContainerKey, ContainerRuntime } from './container-runtime.ts'

export interface PruneOptions {
  readonly runtime: ContainerRuntime
  /** Directory of the container, with one folder per attempt. */
  readonly dir: string
  /** Called before a run's directory goes. */
  forget(attemptDir: string): Promise<void>
}

/** Removes every run before the one that precedes `current`. */
export async function pruneAttempts(
  current: ContainerKey,
  { options, context }: { readonly options: PruneOptions; readonly context: CallContext },
): Promise<readonly number[]> {
  const { runtime, dir } = options
  const removed: number[] = []
  for (const entry of await readdir(dir)) {
    const attempt = /^\d+$/.test(entry) ? Number(entry) : Infinity
    if (attempt >= current.attempt - 1) continue
    await runtime.removeContainer({ ...current, attempt }, context)
    const attemptDir = join(dir, entry)
    await options.forget(attemptDir)
    await rm(attemptDir, { recursive: true, force: true })
    removed.push(attempt)
  }
  return removed
}
