// SPDX-License-Identifier: Apache-2.0
// The disk that an engine keeps images and containers on. Of one on this machine the kernel tells all; of others
// only Podman says how large it is and how full, and none says what of the rest may be used.
import { readFsStats } from '../../../provider/fs-stats.ts'
import type { FsStats } from '../../../provider/stats.ts'
import type { Engine } from './connect-engine.ts'

/** The oldest version of Podman's own API that has it. */
const podmanVersion = '4.0.0'
const timeoutMs = 30_000

interface PodmanInfo {
  readonly store?: { readonly graphRootAllocated?: number; readonly graphRootUsed?: number }
}

/** Room and use of it as far as somebody tells; undefined where nobody does. */
export async function readEngineDisk(
  { isLocal, kind, info, client }: Pick<Engine, 'isLocal' | 'kind' | 'info' | 'client'>,
  { time, signal }: { readonly time: string; readonly signal: AbortSignal },
): Promise<FsStats | undefined> {
  if (isLocal) {
    // It may be in another mount namespace, or not ours to see.
    return info.DockerRootDir
      ? await readFsStats(info.DockerRootDir, time).catch(() => undefined)
      : undefined
  }
  if (kind === 'docker') return undefined
  const request = { path: '/libpod/info', version: podmanVersion }
  const { store } = await client.json<PodmanInfo>(request, { signal, timeoutMs })
  const { graphRootAllocated: capacityBytes, graphRootUsed: usedBytes } = store ?? {}
  // Older ones leave both out.
  return capacityBytes && usedBytes ? { time, capacityBytes, usedBytes } : undefined
}
