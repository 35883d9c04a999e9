// SPDX-License-Identifier: Apache-2.0
// Whether a container was killed for want of memory, where the engine does not say so of it. Docker forgets it
// where it heard of the end first: then there is only its event. Podman never says so: the kernel counts such
// kills in the pod's control group, which outlives the container's. Where the counter cannot be read nothing is
// guessed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupPath } from '../sandbox/pod-cgroups.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { ContainerInspect } from '../engine/engine-objects.ts'

const killedBySignal9 = 137

/** Knows by the engine's events, and by the counters of pods' control groups on this machine. */
export class OutOfMemory {
  readonly #root: string | undefined
  readonly #counted = new Map<string, number>()
  /** Engine ids of containers of which an event said it. */
  readonly #told = new Set<string>()

  constructor({ kind, isLocal, info }: Pick<Engine, 'kind' | 'isLocal' | 'info'>) {
    const canBeRead = kind === 'podman' && isLocal && info.CgroupVersion === '2'
    this.#root = canBeRead ? '/sys/fs/cgroup' : undefined
  }

  /** An event of the engine said it of this container. */
  tell(engineId: string): void {
    this.#told.add(engineId)
  }

  /** The engine has removed the container. */
  forgetContainer(engineId: string): void {
    this.#told.delete(engineId)
  }

  /** A container's end, looked at for the first time. */
  wasKilled({ Id, HostConfig, State }: ContainerInspect): boolean {
    if (this.#told.has(Id)) return !State.Running && State.ExitCode === killedBySignal9
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
