// SPDX-License-Identifier: Apache-2.0
// Tells the kernel which processes to kill first when the machine is out of memory. Ours is the least that a
// container gets: no pod is to outlive the other programs of a machine that is not the node's alone.
import { readFileSync, writeFileSync } from 'node:fs'

/** Whoever starts children without end keeps nobody here. */
const maxLooks = 5

/**
 * Sets oom_score_adj of a process and of all that it has started, its group's members. What has ended meanwhile,
 * or may not be changed, is left alone.
 */
export function setOomScore(pid: number, members: () => readonly number[], score: number): void {
  if (process.platform !== 'linux') return
  const wanted = String(Math.max(score, ownScore()))
  const known = new Set<number>()
  let found: readonly number[] = [pid]
  // Children have the score that their parent had when they were started: those of one that had not got it yet
  // are found by the next look.
  for (let looks = 0; found.length > 0 && looks < maxLooks; looks += 1) {
    for (const each of found) setScore(each, wanted)
    for (const each of found) known.add(each)
    found = members().filter((each) => !known.has(each))
  }
}

function setScore(pid: number, wanted: string): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, wanted)
  } catch {
    // It has ended, or belongs to a user whom we may not touch: then the kernel's own judgement stands.
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
