// SPDX-License-Identifier: Apache-2.0
// What was used between two samples, in the words of metrics.k8s.io. Nothing is invented: without two
// samples of the same life of a container there is no usage.
import type { ResourceSample } from './resource-samples.ts'

export interface Usage {
  readonly timeMs: number
  readonly windowMs: number
  /** Quantities: nanocores and kibibytes. */
  readonly usage: { readonly cpu: string; readonly memory: string }
}

/** Undefined when the counter went back (another life) or no time has passed. */
export function usageBetween(
  earlier: ResourceSample | undefined,
  later: ResourceSample | undefined,
): Usage | undefined {
  if (!earlier || !later) return undefined
  const windowMs = later.timeMs - earlier.timeMs
  const cpuSeconds = later.cpuSeconds - earlier.cpuSeconds
  if (windowMs <= 0 || cpuSeconds < 0) return undefined
  const nanocores = Math.ceil((cpuSeconds / (windowMs / 1000)) * 1e9)
  const memory = `${Math.ceil(later.memoryBytes / 1024)}Ki`
  return { timeMs: later.timeMs, windowMs, usage: { cpu: `${nanocores}n`, memory } }
}
