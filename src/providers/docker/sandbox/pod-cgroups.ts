// SPDX-License-Identifier: Apache-2.0
// The control groups that hold those of a pod's containers. The engine makes one when the first of them starts;
// for a pod with resources as a whole it is made here before, with its limits. The engine leaves it when the last
// container is gone, and Podman a group of its own in it: where it is on this machine it is removed then.
import type { Pod } from '../../../kube/types.gen.ts'
import { backoffMs } from '../../../util/backoff.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import { updatableResources } from '../container/resource-options.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isRootless } from '../engine/is-rootless.ts'
import {
  canLimitBelow,
  groupNames,
  isIdle,
  isInGroup,
  limitGroup,
  removeGroup,
  type CgroupTree,
} from './cgroup-files.ts'

export interface PodCgroupsParts {
  readonly engine: Pick<Engine, 'isLocal' | 'info'>
  readonly config: Pick<DockerConfig, 'cgroupParent'>
  readonly clock: Clock
  /** For tests. */
  readonly mountPoint?: string
}

/** What Podman runs when a container has ended is in its pod's group for another moment. */
const backoff = { baseMs: 200, factor: 2, capMs: 60_000, jitter: 0 }
const leaveTries = 10
/** One that is younger may wait for its first container. */
const sweepAgeMs = 900_000
/** Those of pods of host processes have a dash there. */
const ofPod = /^pod[^-]/

/** Control groups of one node's pods. */
export class PodCgroups implements AsyncDisposable {
  readonly #clock: Clock
  readonly #config: Pick<DockerConfig, 'cgroupParent'>
  readonly #driver: string
  readonly #tree: CgroupTree | undefined
  readonly #isRootless: boolean
  /** Of pods that are gone; something was still in them. */
  readonly #left = new Set<string>()
  #retry: Disposable | undefined
  #failures = 0
  #turn: Promise<void> = Promise.resolve()
  /** A pod as a whole can be limited. */
  readonly canLimit: boolean

  constructor({ engine, config, clock, mountPoint = '/sys/fs/cgroup' }: PodCgroupsParts) {
    const { CgroupDriver = '', CgroupVersion } = engine.info
    this.#config = config
    this.#clock = clock
    this.#driver = CgroupDriver
    this.#isRootless = isRootless(engine.info)
    const version = CgroupVersion === '2' ? 2 : 1
    this.#tree = engine.isLocal ? { mountPoint, version } : undefined
    this.canLimit =
      this.#tree !== undefined &&
      config.cgroupParent !== false &&
      // Those of systemd are its own, and those of a user are elsewhere.
      CgroupDriver === 'cgroupfs' &&
      !this.#isRootless &&
      canLimitBelow(this.#tree, config.cgroupParent)
  }

  /**
   * As the engine's driver wants it named: a path, or for systemd a slice. Undefined where the engine chooses: so
   * does one without root, which may write below its user's only.
   */
  parentOf(uid: string): string | undefined {
    const { cgroupParent } = this.#config
    if (cgroupParent === false || this.#isRootless) return undefined
    if (this.#driver !== 'systemd') return `${cgroupParent}/pod${uid}`
    // A dash is a level of slices.
    const levels = cgroupParent.split('/').filter((part) => part !== '')
    return `${[...levels, `pod${uid}`].map((part) => part.replaceAll('-', '_')).join('-')}.slice`
  }

  /** Gives the pod what its spec names for all of its containers together, which may be nothing. */
  limit({ metadata, spec }: Pod): void {
    // A pod may come again.
    this.#left.delete(metadata.uid)
    const path = this.#limited(metadata.uid, spec)
    if (path === undefined || !this.#tree) return
    try {
      limitGroup(this.#tree, path, updatableResources(spec))
    } catch (error) {
      // Beside its code the kernel's answer has nothing but the path.
      const { code = messageOf(error) } = error as NodeJS.ErrnoException
      throw new VkError('Unavailable', `cannot limit the pod as a whole: ${code}`, { cause: error })
    }
  }

  /**
   * Sees to it that the limits hold for this process of the pod: a group that went before it came was made anew
   * without. Throws where the engine has put it elsewhere.
   */
  check(pod: Pod, pid: number): void {
    const path = this.#limited(pod.metadata.uid, pod.spec)
    if (path === undefined || !this.#tree) return
    if (isInGroup(this.#tree, path, pid)) return this.limit(pod)
    throw new VkError(
      'Unsupported',
      'the engine does not put the pod into the control group made for it',
    )
  }

  /** The pod is gone; what is still in its group leaves soon, and the group with it. */
  remove(uid: string): void {
    this.#left.add(uid)
    this.#failures = 0
    this.#tidySoon()
  }

  /**
   * Removes what a crash has left, also of other nodes: Podman keeps what has run a command in a pod's group for
   * five minutes.
   */
  async sweep(): Promise<void> {
    const { cgroupParent } = this.#config
    if (!this.#tree || this.#isRootless) return
    if (cgroupParent === false || this.#driver !== 'cgroupfs') return
    const beforeMs = this.#clock.nowMs() - sweepAgeMs
    for (const name of groupNames(this.#tree, cgroupParent)) {
      const path = `${cgroupParent}/${name}`
      const isLeft = ofPod.test(name) && isIdle(this.#tree, path, beforeMs)
      if (isLeft) await removeGroup(this.#tree, path)
    }
  }

  /** Removes what can be removed by now. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn
    for (let tries = 0; this.#left.size > 0 && tries < leaveTries; tries += 1) {
      await this.#clock.sleep(backoff.baseMs)
      await this.#tidy()
    }
    this.#retry?.[Symbol.dispose]()
  }

  #tidySoon(): void {
    this.#turn = this.#turn.then(() => this.#tidy())
  }

  /** Now, and as long as something is left, again and again. Never rejects. */
  async #tidy(): Promise<void> {
    this.#retry?.[Symbol.dispose]()
    for (const uid of this.#left) {
      const parent = this.parentOf(uid)
      const isGone =
        !this.#tree || parent === undefined || (await removeGroup(this.#tree, cgroupPath(parent)))
      if (isGone) this.#left.delete(uid)
    }
    if (this.#left.size === 0) return
    this.#failures += 1
    const pauseMs = backoffMs(this.#failures, backoff)
    this.#retry = this.#clock.setTimer(pauseMs, () => this.#tidySoon())
  }

  #limited(uid: string, { resources }: Pod['spec']): string | undefined {
    const isLimited = [resources?.limits, resources?.requests].some(
      (amounts) => Object.keys(amounts ?? {}).length > 0,
    )
    return this.canLimit && isLimited ? this.parentOf(uid) : undefined
  }
}

/** Where it is below a mount of control groups. */
export function cgroupPath(parent: string): string {
  if (!parent.endsWith('.slice') || parent.includes('/')) return parent
  const levels = parent.slice(0, -'.slice'.length).split('-')
  return levels.map((_, index) => `${levels.slice(0, index + 1).join('-')}.slice`).join('/')
}
