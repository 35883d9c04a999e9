// SPDX-License-Identifier: Apache-2.0
// Whether a container was killed for want of memory, where the engine itself cannot tell: Podman never
// says so. The kernel counts such kills in the pod's control group, which outlives the container's. Where the
// counter cannot be read nothing is guessed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupPath } from '../sandbox/pod-cgroups.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { ContainerInspect } from '../engine/engine-objects.ts'

const killedBySignal9 = 137

/** Reads the counters of pods' control groups on this machine. */
export class OutOfMemory {
  readonly #root: string | undefined
  readonly #counted = new Map<string, number>()

  constructor({ kind, isLocal, info }: Pick<Engine, 'kind' | 'isLocal' | 'info'>) {
    const canBeRead = kind === 'podman' && isLocal && info.CgroupVersion === '2'
    this.#root = canBeRead ? '/sys/fs/cgroup' : undefined
  }

  /** A container's end, looked at for the first time. */
  wasKilled({ HostConfig, State }: ContainerInspect): boolean {
    const parent = HostConfig.CgroupParent
    if (this.#root === undefined || !parent || State.Running) return false
    const count = readCount(join(this.#root, cgroupPath(parent), 'memory.events'))
    if (count === undefined) return false
    const isNew = count > (this.#counted.get(parent) ?? 0)
    this.#counted.set(parent, count)
    return isNew && State.ExitCode === killedBySignal9
  }

  /** The pod is gone, and its group. */
  forget(parent: string | undefined): void {
    if (parent !== undefined) this.#counted.delete(parent)
  }
}

function readCount(path: string): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8')) ?? []
    return count === undefined ? undefined : Number(count)
  } catch {
    // No such group, or another machine's.
    return undefined
  }
}
