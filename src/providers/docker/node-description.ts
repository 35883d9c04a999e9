// SPDX-License-Identifier: Apache-2.0
// The Node of an engine: the size of the engine's machine, and what lies there.
import { statfs } from 'node:fs/promises'
import type { NodeDescription } from '../../provider/provider.ts'
import type { DockerConfig } from './docker-config.ts'
import type { Engine } from './engine/connect-engine.ts'
import type { EngineInfo } from './engine/engine-objects.ts'
import type { ImageCollector } from './images/image-collector.ts'

/** Where the engine's disk cannot be looked at; `capacity` in the configuration says better. */
const unknownStorage = '100Gi'

/** What the engine says of its machine now. */
export async function describeEngine(
  engine: Engine,
  { config, images }: { readonly config: DockerConfig; readonly images: ImageCollector },
  signal: AbortSignal,
): Promise<NodeDescription> {
  const { client, kind, version } = engine
  const info = await client.json<EngineInfo>({ path: '/info' }, { signal, timeoutMs: 30_000 })
  return {
    capacity: {
      cpu: String(info.NCPU),
      memory: `${Math.floor(info.MemTotal / 1024)}Ki`,
      pods: '110',
      'ephemeral-storage': await storageOf(engine),
      ...config.capacity,
    },
    runtimeVersion: `${kind}://${version}`,
    images: await images.list(signal),
    ...(!engine.isLocal && { nodeInfo: nodeInfoOf(engine, info) }),
  }
}

async function storageOf({ isLocal, info }: Engine): Promise<string> {
  if (!isLocal || !info.DockerRootDir) return unknownStorage
  try {
    const { bsize, blocks } = await statfs(info.DockerRootDir)
    return `${Math.floor((bsize * blocks) / 1024)}Ki`
  } catch {
    // It is in another mount namespace, or not ours to see.
    return unknownStorage
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
