// SPDX-License-Identifier: Apache-2.0
// Kills a process of a container from outside, on this machine.
import { readFileSync } from 'node:fs'

/** Only a process whose control group names the container is touched: a process id may be another's by now. */
export function killInContainer(pid: number, engineId: string): boolean {
  if (pid <= 1) return false
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(engineId)) return false
    return process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, or it is not ours to see.
    return false
  }
}
