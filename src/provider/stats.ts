// SPDX-License-Identifier: Apache-2.0
// Usage figures in the shape of the kubelet's /stats/summary (kubelet stats API v1alpha1). Every block
// carries its own time; what a backend cannot measure is left out, never zero.

export interface CpuStats {
  readonly time: string
  readonly usageNanoCores?: number
  readonly usageCoreNanoSeconds?: number
}

export interface MemoryStats {
  readonly time: string
  readonly availableBytes?: number
  readonly usageBytes?: number
  readonly workingSetBytes?: number
  readonly rssBytes?: number
  readonly pageFaults?: number
  readonly majorPageFaults?: number
}

export interface FsStats {
  readonly time: string
  readonly availableBytes?: number
  readonly capacityBytes?: number
  readonly usedBytes?: number
  readonly inodesFree?: number
  readonly inodes?: number
  readonly inodesUsed?: number
}

export interface NetworkStats {
  readonly time: string
  readonly name: string
  readonly rxBytes?: number
  readonly rxErrors?: number
  readonly txBytes?: number
  readonly txErrors?: number
}

export interface ContainerStats {
  readonly name: string
  readonly startTime: string
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly rootfs?: FsStats
  readonly logs?: FsStats
}

/** Room and use of one volume; the room is its file system's. */
export interface VolumeStats extends FsStats {
  readonly name: string
  /** Of a volume that comes from a claim. */
  readonly pvcRef?: { readonly name: string; readonly namespace: string }
}

/** Which figures of pods are asked for: those of the disk cost more than all others. */
export type StatsWish = 'all' | 'withoutDisk' | 'cpuAndMemory' | 'claims'

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly startTime: string
  readonly containers: readonly ContainerStats[]
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly network?: NetworkStats
  readonly volume?: readonly VolumeStats[]
  /** Of the node's disk: output, layers and volumes that go with the pod. */
  readonly 'ephemeral-storage'?: FsStats
  readonly process_stats?: { readonly process_count: number }
}

export interface NodeStats {
  readonly startTime: string
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly fs?: FsStats
  /** Where the runtime keeps images, and what containers write over them. */
  readonly runtime?: { readonly imageFs?: FsStats; readonly containerFs?: FsStats }
  readonly network?: NetworkStats
  readonly rlimit?: { readonly time: string; readonly maxpid: number; readonly curproc: number }
}

/** Upper bounds of the buckets in ProbeStats. */
export const probeSecondsBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** How the probes of one kind of one container went, since the pod is here. */
export interface ProbeStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly container: string
  readonly kind: 'startup' | 'liveness' | 'readiness'
  readonly successes: number
  readonly failures: number
  /** Of the successes, all together. */
  readonly seconds: number
  /** Successes by their duration: one number for each of `probeSecondsBounds`, not accumulated. */
  readonly buckets: readonly number[]
}
