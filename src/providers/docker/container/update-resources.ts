// SPDX-License-Identifier: Apache-2.0
// Resizes a running container. Docker has this in its API; Podman 4 has it in its own API only.
import type { Container } from '../../../kube/types.gen.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { updatableResources } from './resource-options.ts'

/** Gives the container what its spec now names. */
export async function updateResources(
  { client, kind }: Pick<Engine, 'client' | 'kind'>,
  { engineId, spec }: { readonly engineId: string; readonly spec: Container },
  signal: AbortSignal,
): Promise<void> {
  const resources = updatableResources(spec)
  const { CpuShares, CpuPeriod, CpuQuota, Memory, MemorySwap } = resources
  if (kind === 'docker') {
    // Zero would leave the limit as it is; -1 lifts it.
    const body = { ...resources, CpuQuota: CpuQuota ?? -1, MemorySwap: MemorySwap ?? -1 }
    const path = `/containers/${engineId}/update`
    await client.text({ method: 'POST', path, body }, { signal })
    return
  }
  const body = {
    cpu: { shares: CpuShares, quota: CpuQuota ?? -1, ...(CpuPeriod && { period: CpuPeriod }) },
    memory: { limit: Memory ?? -1, swap: MemorySwap ?? -1 },
  }
  const path = `/libpod/containers/${engineId}/update`
  await client.text({ method: 'POST', path, body, version: '4.3.0' }, { signal })
}
