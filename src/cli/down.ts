// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet down`: ends the cluster of a data directory, its pods with their grace. What is stored
// stays: the next `up` has the same objects.
import { systemClock } from '../util/clock.ts'
import { lockHolder } from '../util/dir-lock.ts'
import { UserError, messageOf } from '../util/vk-error.ts'
import { dataDirOf } from './data-dir.ts'

/** Flags of `down`. */
export interface DownFlags {
  readonly dataDir?: string
  readonly timeoutSeconds: number
}

const pollMs = 50

/** Resolves once the process has ended; that none runs is said and no failure. */
export async function down({ dataDir, timeoutSeconds }: DownFlags): Promise<void> {
  const { path } = dataDirOf(dataDir, process.env)
  const pid = await lockHolder(path)
  if (pid === undefined) {
    process.stderr.write(`No cluster runs in "${path}"\n`)
    return
  }
  endProcess(pid, path)
  const deadlineMs = systemClock.monotonicMs() + timeoutSeconds * 1000
  while ((await lockHolder(path)) === pid) {
    if (systemClock.monotonicMs() >= deadlineMs) {
      throw new UserError(`Cannot end the cluster in "${path}" within ${timeoutSeconds} s`, {
        hint: `Its pods may need longer: wait for process ${pid} (--timeout), or send it SIGTERM again to leave them.`,
      })
    }
    await systemClock.sleep(pollMs)
  }
  process.stderr.write(`The cluster in "${path}" has ended\n`)
}

function endProcess(pid: number, path: string): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch (cause) {
    // It ended just now.
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new UserError(`Cannot end the cluster in "${path}": ${messageOf(cause)}`, {
      hint: `Process ${pid} belongs to another user.`,
      cause,
    })
  }
}
