// SPDX-License-Identifier: Apache-2.0
// Tells the kernel which processes to kill first when the machine is out of memory. Ours is the least that a
// container gets: no pod is to outlive the other programs of a machine that is not the node's alone.
import { readFileSync, writeFileSync } from 'node:fs'

/** Sets oom_score_adj of these processes; what has ended meanwhile, or may not be changed, is left alone. */
export function setOomScore(pids: readonly number[], score: number): void {
  if (process.platform !== 'linux') return
  const wanted = String(Math.max(score, ownScore()))
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/oom_score_adj`, wanted)
    } catch {
      // It has ended, or belongs to a user whom we may not touch: then the kernel's own judgement stands.
    }
  }
}

function ownScore(): number {
  try {
    return Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
  } catch {
    // A kernel without it.
    return 0
  }
}
