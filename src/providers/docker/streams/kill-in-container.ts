// SPDX-License-Identifier: Apache-2.0
// Kills a process of a container from outside, on this machine, with all that it has started.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** By what a process is known to be of the container. */
export interface ContainerMarks {
  readonly engineId: string
  /** Its first process, for an engine without control groups of its own; their process namespace is one. */
  readonly firstPid?: number
}

/**
 * Only processes whose control group names the container are touched, or that share its process namespace: a process
 * id may be another's by now.
 */
export function killInContainer(pid: number, marks: ContainerMarks): boolean {
  if (pid <= 1) return false
  // Of a process that is gone nobody could say any more what it had started.
  const all = familyOf(pid)
  const killed = all.filter((one) => isIn(one, marks) && kill(one))
  return killed.includes(pid)
}

/** The process, its children, theirs, and so on. */
function familyOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)]
}

function childrenOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const lists = threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/children`, 'utf8'))
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
  } catch {
    // It has just ended, or the kernel does not tell.
    return []
  }
}

function isIn(pid: number, { engineId, firstPid = 0 }: ContainerMarks): boolean {
  try {
    if (readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(engineId)) return true
    if (firstPid === 0) return false
    const namespace = processesOf(pid)
    return namespace === processesOf(firstPid) && namespace !== processesOf('self')
  } catch {
    // It is gone, or it is not ours to see.
    return false
  }
}

function processesOf(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/pid`)
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, or it is not ours to end.
    return false
  }
}
