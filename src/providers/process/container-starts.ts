// SPDX-License-Identifier: Apache-2.0
// The starts of a node's containers. One that is asked for again while it is under way is the same start, and
// whoever ends a container or its pod meanwhile waits for it.
import type { PodRef, ProviderHost } from '../../provider/provider.ts'
import type {
  ContainerKey,
  ContainerStart,
  RuntimeContainer,
} from '../../runtime/container-runtime.ts'
import { oomScoreAdj } from '../../runtime/resources/oom-score.ts'
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import { idOf } from './container-id.ts'
import type { ContainerProcess } from './container-process.ts'
import { hasLostMount, hasLostPeer } from './isolation/bubblewrap.ts'
import type { ImageStore } from './isolation/image-store.ts'
import type { Peer } from './isolation/pod-namespaces.ts'
import type { PodShares } from './isolation/pod-shares.ts'
import { capacityOf, type ProcessConfig } from './process-config.ts'
import type { ProcessFleet } from './process-fleet.ts'
import { setOomScore } from './set-oom-score.ts'
import { prepareStart } from './start-plan.ts'
import type { Surroundings } from './surroundings.ts'

export interface ContainerStartsParts {
  readonly host: ProviderHost
  readonly config: ProcessConfig
  readonly surroundings: Surroundings
  readonly fleet: ProcessFleet
  readonly images: ImageStore
  /** Undefined: containers of a pod share nothing that must be held for them. */
  readonly shared: PodShares | undefined
}

/** A start under way. */
interface Starting {
  readonly uid: string
  readonly started: Promise<RuntimeContainer>
}

/** How often a container is started when what it was to join, or to see, has gone at that moment. */
const maxTries = 5

/** Starts containers, each once. */
export class ContainerStarts {
  readonly #parts: ContainerStartsParts
  readonly #starting = new Map<string, Starting>()

  constructor(parts: ContainerStartsParts) {
    this.#parts = parts
  }

  /** Answers with the container that runs already where there is one. */
  start(start: ContainerStart): Promise<RuntimeContainer> {
    const id = idOf(start.key)
    const known = this.#parts.fleet.get(id)
    if (known) return Promise.resolve(known.describe())
    const starting = this.#starting.get(id)
    if (starting) return starting.started
    const started = this.#start(id, start).finally(() => this.#starting.delete(id))
    this.#starting.set(id, { uid: start.key.pod.uid, started })
    return started
  }

  /** Is a container of the pod being started? */
  isUnderWay(podUid: string): boolean {
    return [...this.#starting.values()].some(({ uid }) => uid === podUid)
  }

  /** Resolves once this start is over, however it went: whoever asked for it is told. */
  async whenOver(key: ContainerKey): Promise<void> {
    await this.#starting.get(idOf(key))?.started.catch(() => {})
  }

  /** The same for all of a pod, or of the node. */
  async whenAllOver(podUid?: string): Promise<void> {
    const all = [...this.#starting.values()].filter(
      ({ uid }) => podUid === undefined || uid === podUid,
    )
    await Promise.allSettled(all.map(({ started }) => started))
  }

  async #start(id: string, start: ContainerStart): Promise<RuntimeContainer> {
    try {
      const container = await this.#launch(id, start)
      this.#setOomScore(container, start)
      return container.describe()
    } catch (error) {
      if (error instanceof VkError) throw error
      // Messages of the file system hold paths, which are nobody's business outside.
      const { code = messageOf(error) } = error as NodeJS.ErrnoException
      throw new VkError('Unavailable', `Cannot start container "${start.key.name}": ${code}`, {
        cause: error,
        podReason: 'CreateContainerError',
      })
    }
  }

  async #launch(id: string, start: ContainerStart): Promise<ContainerProcess> {
    const { host, config, surroundings, images, fleet, shared } = this.#parts
    const shares = await shared?.of(start.pod)
    for (let tries = 1; ; tries++) {
      const peers = await this.#peersOf(start.key.pod)
      const places = { host, config, surroundings, images, peers, ...shares }
      const plan = await prepareStart(start, places)
      try {
        return await fleet.launch({ id, start, plan })
      } catch (error) {
        // Nothing has run: it joins another one, or has namespaces of its own, or the host's other mounts.
        const isOfThatMoment = hasLostPeer(error) || hasLostMount(error)
        if (tries === maxTries || !isOfThatMoment) throw error
      }
    }
  }

  /** The pod's sandboxes that run. */
  async #peersOf({ uid }: PodRef): Promise<readonly Peer[]> {
    const peers = this.#parts.fleet
      .runningOf(uid)
      .filter(({ isSandboxed }) => isSandboxed)
      .map(async (container): Promise<readonly Peer[]> => {
        const found = await container.program()
        const { name } = container.launch.record.key
        return found ? [{ name, inside: found.inside, memoryHolder: container.memoryHolder }] : []
      })
    return (await Promise.all(peers)).flat()
  }

  #setOomScore({ group, pid }: ContainerProcess, { pod, spec }: ContainerStart): void {
    const { config, host, surroundings } = this.#parts
    const { memory } = capacityOf(config, host.rootDir)
    const memoryBytes = Number(wholeUnits(parseQuantity(memory ?? '0')))
    if (memoryBytes <= 0) return
    const members = () => surroundings.cgroups?.members(group) ?? []
    setOomScore(pid, members, oomScoreAdj({ pod, spec, memoryBytes }))
  }
}
