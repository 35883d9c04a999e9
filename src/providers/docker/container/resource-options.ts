// SPDX-License-Identifier: Apache-2.0
// Requests and limits as the engine's figures: shares, quota, memory, processes, devices.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import { oomScoreAdj } from '../../../runtime/resources/oom-score.ts'
import { milliUnits, parseQuantity, wholeUnits } from '../../../util/quantity.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { HostConfig } from '../engine/engine-objects.ts'
import type { ResourceControllers } from '../engine/resource-controllers.ts'

const periodMicroseconds = 100_000
/** The kernel takes no smaller ones. */
const minQuotaMicroseconds = 1000
const minShares = 2
const maxShares = 262_144
/** The engine takes no smaller limit. */
const minMemoryBytes = 6 * 1024 * 1024

/** Of what a node may count in whole devices, what the engine can hand out. */
const deviceVendors: Readonly<Record<string, string>> = {
  'nvidia.com/gpu': 'nvidia',
  'amd.com/gpu': 'amd',
}

export interface ResourceInput {
  readonly pod: Pod
  readonly spec: Container
  readonly config: Pick<DockerConfig, 'podPidsLimit'>
  readonly memoryBytes: number
  readonly controllers: ResourceControllers
}

/** What of a running container can be changed. */
export type UpdatableResources = Pick<
  HostConfig,
  'CpuShares' | 'CpuPeriod' | 'CpuQuota' | 'Memory' | 'MemorySwap'
>

/** All of a new container's resources. */
export function resourceOptions({
  pod,
  spec,
  config,
  memoryBytes,
  controllers,
}: ResourceInput): HostConfig {
  const devices = deviceRequests(spec)
  const { CpuShares, ...limits } = updatableResources(spec)
  return {
    ...limits,
    // Every container has some; limits that the engine cannot keep were refused with their pod.
    ...(controllers.cpu && { CpuShares }),
    // Below 0 an engine without CAP_SYS_RESOURCE may not give.
    OomScoreAdj: Math.max(0, oomScoreAdj({ pod, spec, memoryBytes })),
    ...(config.podPidsLimit !== undefined && { PidsLimit: config.podPidsLimit }),
    ...(devices.length > 0 && { DeviceRequests: devices }),
  }
}

/** CPU and memory, as create and update take them; of a container, or of a pod as a whole. */
export function updatableResources({
  resources,
}: Pick<Container, 'resources'>): UpdatableResources {
  const { limits = {}, requests = {} } = resources ?? {}
  const milliCpu = amount(limits['cpu'], milliUnits)
  const memory = amount(limits['memory'], wholeUnits)
  const requested = amount(requests['cpu'] ?? limits['cpu'], milliUnits) ?? 0
  const shares = Math.floor((requested * 1024) / 1000)
  return {
    CpuShares: Math.min(Math.max(shares, minShares), maxShares),
    ...(milliCpu !== undefined && {
      CpuPeriod: periodMicroseconds,
      CpuQuota: Math.max((milliCpu * periodMicroseconds) / 1000, minQuotaMicroseconds),
    }),
    // No swap beside it: the limit is the limit.
    ...(memory !== undefined && {
      Memory: Math.max(memory, minMemoryBytes),
      MemorySwap: Math.max(memory, minMemoryBytes),
    }),
  }
}

function deviceRequests({ resources }: Container): readonly object[] {
  return Object.entries(resources?.limits ?? {}).flatMap(([name, text]) => {
    const vendor = Object.hasOwn(deviceVendors, name) ? deviceVendors[name] : undefined
    const count = amount(text, wholeUnits) ?? 0
    if (vendor === undefined || count === 0) return []
    return [{ Driver: vendor, Count: count, Capabilities: [['gpu']] }]
  })
}

function amount(
  text: string | undefined,
  read: (quantity: ReturnType<typeof parseQuantity>) => bigint,
): number | undefined {
  return text === undefined ? undefined : Number(read(parseQuantity(text)))
}
