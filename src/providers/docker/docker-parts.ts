// SPDX-License-Identifier: Apache-2.0
// The parts of a docker runtime, put together. What one of them needs of another is named here alone.
import type { ProviderHost } from '../../provider/provider.ts'
import { gatherBody } from './container/container-bodies.ts'
import { ContainerStarts } from './container/container-starts.ts'
import { ContainerStops } from './container/container-stops.ts'
import { ContainerTable } from './container/container-table.ts'
import { EngineStats } from './container/engine-stats.ts'
import { LayerSizes } from './container/layer-sizes.ts'
import { OutOfMemory } from './container/out-of-memory.ts'
import type { DockerConfig } from './docker-config.ts'
import { EngineWatch } from './engine-watch.ts'
import type { Engine } from './engine/connect-engine.ts'
import { dialsThrough } from './engine/reachable-pods.ts'
import { ImageCollector } from './images/image-collector.ts'
import { ImageStore } from './images/image-store.ts'
import { nodeCredentials } from './images/node-credentials.ts'
import type { PullRecords } from './images/pull-records.ts'
import { copyMounts } from './remote/copy-mounts.ts'
import { RemoteVolumes } from './remote/remote-volumes.ts'
import { PodCgroups } from './sandbox/pod-cgroups.ts'
import { PodNetwork } from './sandbox/pod-network.ts'
import { PodSandboxes } from './sandbox/pod-sandboxes.ts'
import { ContainerStreams } from './streams/container-streams.ts'

/** What the parts are made from. */
export interface DockerPlaces {
  readonly engine: Engine
  readonly config: DockerConfig
  readonly records: PullRecords
  /** Aborts when the runtime ends. */
  readonly signal: AbortSignal
}

/** One of each; the engine is theirs together. */
export interface DockerParts {
  readonly cgroups: PodCgroups
  readonly outOfMemory: OutOfMemory
  readonly table: ContainerTable
  readonly network: PodNetwork
  readonly sandboxes: PodSandboxes
  readonly collector: ImageCollector
  /** Volumes of an engine on another machine. */
  readonly elsewhere: RemoteVolumes
  readonly starts: ContainerStarts
  readonly stops: ContainerStops
  readonly stats: EngineStats
  readonly streams: ContainerStreams
  readonly watch: EngineWatch
}

/** Makes the parts of one node's runtime; nothing is asked of the engine yet. */
export function makeDockerParts(host: ProviderHost, places: DockerPlaces): DockerParts {
  const { nodeName, clusterId, nodeIPs, clock, log } = host
  const { engine, config, signal } = places
  const { client } = engine
  const owner = { nodeName, clusterId }
  const cgroups = new PodCgroups({ engine, config, clock })
  const outOfMemory = new OutOfMemory(engine)
  const table = new ContainerTable({ engine, owner, outOfMemory })
  const network = new PodNetwork({ client, owner, name: config.network })
  const sandboxes = new PodSandboxes({ engine, config, owner, nodeIPs, network, cgroups })
  const hasSwap = config.pauseImage === undefined
  const dialsThere = dialsThrough(engine, config)
  const elsewhere = new RemoteVolumes({ engine, clock, sandboxes, hasSwap })
  const { collector, images } = makeImages(host, places)
  const bodies = { host, engine, config, owner, images, sandboxes, cgroups, table }
  const starts = new ContainerStarts({
    engine,
    owner,
    table,
    bodyOf: (start, context) => gatherBody(start, bodies, context),
    ...(!engine.isLocal && {
      prepare: async (start, engineId, unlessAborted) => {
        await elsewhere.bringAll(start, unlessAborted)
        await copyMounts(start, { client, engineId }, unlessAborted)
      },
    }),
  })
  const layers = new LayerSizes({ client, owner, clock, signal })
  const stops = new ContainerStops({ engine, table, clock })
  const watched = { engine, owner, clock, log }
  return {
    cgroups,
    outOfMemory,
    table,
    network,
    sandboxes,
    collector,
    elsewhere,
    starts,
    stops,
    stats: new EngineStats({ engine, clock, table, sandboxes, layers }),
    streams: new ContainerStreams({ engine, clock, table, sandboxes, dialsThere }),
    watch: new EngineWatch({ ...watched, table, sandboxes, stops, outOfMemory }),
  }
}

function makeImages(
  { clock, log }: ProviderHost,
  { engine, config, records }: DockerPlaces,
): { readonly collector: ImageCollector; readonly images: ImageStore } {
  const limits = {
    highPercent: config.imageGcHighPercent,
    lowPercent: config.imageGcLowPercent,
    minimumAgeMs: config.imageMinimumAgeSeconds * 1000,
  }
  const collector = new ImageCollector({ engine, clock, log, records, limits })
  const images = new ImageStore({
    client: engine.client,
    clock,
    records,
    nodeCredentials: (registry) => nodeCredentials(config.registryConfig, registry),
    used: (id) => collector.used(id),
  })
  return { collector, images }
}
