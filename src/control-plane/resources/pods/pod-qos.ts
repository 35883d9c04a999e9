// SPDX-License-Identifier: Apache-2.0
// The quality of service that a pod gets from what its containers ask for of cpu and memory.
import type { PodSpec, ResourceRequirements } from '../../../kube/types.gen.ts'
import { nanosOf } from '../canonical-quantity.ts'
import { isRecord, listOf } from '../read-json.ts'

export type QosClass = 'BestEffort' | 'Burstable' | 'Guaranteed'

/** Guaranteed: all limits are set and equal the requests; BestEffort: nothing is set. */
export function qosClassOf(spec: PodSpec): QosClass {
  if (isRecord(spec.resources)) return classOf([spec.resources], false)
  const containers = [...listOf(spec.containers), ...listOf(spec.initContainers)]
  return classOf(
    containers.map((container) => container.resources ?? {}),
    true,
  )
}

/** `mustAllLimit`: a part without limits keeps the whole from being guaranteed. */
function classOf(parts: readonly ResourceRequirements[], mustAllLimit: boolean): QosClass {
  const requested = { cpu: 0n, memory: 0n }
  const limited = { cpu: 0n, memory: 0n }
  let isGuaranteed = true
  for (const { limits, requests } of parts) {
    let found = 0
    for (const name of ['cpu', 'memory'] as const) {
      const request = positive(requests?.[name])
      const limit = positive(limits?.[name])
      requested[name] += request
      limited[name] += limit
      if (limit > 0n) found++
    }
    const hasLimits = limits !== undefined && Object.keys(limits).length > 0
    if (found < 2 && (mustAllLimit || hasLimits)) isGuaranteed = false
  }
  const { cpu, memory } = requested
  if (cpu + memory + limited.cpu + limited.memory === 0n) return 'BestEffort'
  const isEqual = cpu === limited.cpu && memory === limited.memory
  return isGuaranteed && isEqual ? 'Guaranteed' : 'Burstable'
}

function positive(text: string | undefined): bigint {
  const nanos = text === undefined ? undefined : nanosOf(text)
  return nanos !== undefined && nanos > 0n ? nanos : 0n
}
