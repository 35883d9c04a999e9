// SPDX-License-Identifier: Apache-2.0
// The Node of an engine: the size of the engine's machine, and what lies there. A node does not become unready
// because its engine is too busy to say so again.
import type { ContainerImage } from '../../kube/types.gen.ts'
import type { NodeDescription } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import { withDeadline } from '../../util/deadline.ts'
import type { DockerConfig } from './docker-config.ts'
import type { Engine } from './engine/connect-engine.ts'
import { readEngineDisk } from './engine/engine-disk.ts'
import type { EngineInfo } from './engine/engine-objects.ts'
import type { ImageCollector } from './images/image-collector.ts'

/** Where the engine's disk cannot be looked at; `capacity` in the configuration says better. */
const unknownStorage = '100Gi'

export interface EngineNodeParts {
  readonly config: DockerConfig
  readonly images: Pick<ImageCollector, 'list'>
  readonly clock: Clock
}

/** A busy engine may take longer; what it said before is true enough then. */
const patienceMs = 5000

/** The machine of one engine, as it was heard of last. */
export class EngineNode {
  readonly #engine: Engine
  readonly #parts: EngineNodeParts
  #info: EngineInfo
  #images: readonly ContainerImage[] = []
  #storage: string = unknownStorage

  constructor(engine: Engine, parts: EngineNodeParts) {
    this.#engine = engine
    this.#parts = parts
    this.#info = engine.info
  }

  /** What the engine says of its machine now; whatever it does not say in time is as before. */
  async describe(signal: AbortSignal): Promise<NodeDescription> {
    const { config, clock } = this.#parts
    const { kind, version, isLocal } = this.#engine
    await withDeadline((own) => this.#refresh(own), {
      clock,
      timeoutMs: patienceMs,
      signal,
      message: 'The engine is busy',
    }).catch(() => signal.throwIfAborted())
    const info = this.#info
    return {
      capacity: {
        cpu: String(info.NCPU),
        memory: `${Math.floor(info.MemTotal / 1024)}Ki`,
        pods: '110',
        'ephemeral-storage': this.#storage,
        ...config.capacity,
      },
      runtimeVersion: `${kind}://${version}`,
      images: this.#images,
      ...(!isLocal && { nodeInfo: nodeInfoOf(this.#engine, info) }),
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { images, clock } = this.#parts
    const engine = this.#engine
    const disk = async (): Promise<void> => {
      const time = new Date(clock.nowMs()).toISOString()
      const { capacityBytes } = (await readEngineDisk(engine, { time, signal })) ?? {}
      if (capacityBytes === undefined) return
      this.#storage = `${Math.floor(capacityBytes / 1024)}Ki`
    }
    await Promise.all([
      disk(),
      engine.client
        .json<EngineInfo>({ path: '/info' }, { signal })
        .then((info) => void (this.#info = info)),
      images.list(signal).then((list) => void (this.#images = list)),
    ])
  }
}

/** Of another machine than this one. */
function nodeInfoOf(
  { architecture }: Engine,
  { KernelVersion, OperatingSystem }: EngineInfo,
): NonNullable<NodeDescription['nodeInfo']> {
  return {
    architecture,
    ...(KernelVersion && { kernelVersion: KernelVersion }),
    ...(OperatingSystem && { osImage: OperatingSystem }),
  }
}
