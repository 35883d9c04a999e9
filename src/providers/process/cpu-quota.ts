// SPDX-License-Identifier: Apache-2.0
// What the kernel is told of CPU, from a container's millicores.

/** Length of a CPU scheduling period, in microseconds. */
export const cpuPeriod = 100_000

/** CPU time per period for a limit in millicores; the kernel takes no less than 1 ms. */
export function cpuQuota(limitMilli: number): number {
  return Math.max(Math.floor((limitMilli * cpuPeriod) / 1000), 1000)
}

/** cpu.shares for a request in millicores, as the kubelet computes it. */
export function cpuShares(requestMilli: number): number {
  return Math.min(Math.max(Math.floor((requestMilli * 1024) / 1000), 2), 262_144)
}
