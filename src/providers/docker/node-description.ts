// SPDX-License-Identifier: Apache-2.0
// The Node of an engine: the size of the engine's machine, and what lies there.
import type { NodeDescription } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import type { DockerConfig } from './docker-config.ts'
import type { Engine } from './engine/connect-engine.ts'
import { readEngineDisk } from './engine/engine-disk.ts'
import type { EngineInfo } from './engine/engine-objects.ts'
import type { ImageCollector } from './images/image-collector.ts'

/** Where the engine's disk cannot be looked at; `capacity` in the configuration says better. */
const unknownStorage = '100Gi'

export interface EngineNodeParts {
  readonly config: DockerConfig
  readonly images: ImageCollector
  readonly clock: Clock
}

/** What the engine says of its machine now. */
export async function describeEngine(
  engine: Engine,
  { config, images, clock }: EngineNodeParts,
  signal: AbortSignal,
): Promise<NodeDescription> {
  const { client, kind, version } = engine
  const info = await client.json<EngineInfo>({ path: '/info' }, { signal, timeoutMs: 30_000 })
  return {
    capacity: {
      cpu: String(info.NCPU),
      memory: `${Math.floor(info.MemTotal / 1024)}Ki`,
      pods: '110',
      'ephemeral-storage': await storageOf(engine, { clock, signal }),
      ...config.capacity,
    },
    runtimeVersion: `${kind}://${version}`,
    images: await images.list(signal),
    ...(!engine.isLocal && { nodeInfo: nodeInfoOf(engine, info) }),
  }
}

async function storageOf(
  engine: Engine,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  const time = new Date(clock.nowMs()).toISOString()
  const { capacityBytes } = (await readEngineDisk(engine, { time, signal })) ?? {}
  return capacityBytes === undefined ? unknownStorage : `${Math.floor(capacityBytes / 1024)}Ki`
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
