// SPDX-License-Identifier: Apache-2.0
// What a container may use, from its spec to its control group.
import type { Container, Pod, ResourceRequirements } from '../../kube/types.gen.ts'
import { milliUnits, parseQuantity, wholeUnits } from '../../util/quantity.ts'
import { podGroupPrefix, type CgroupLimits } from './cgroup.ts'
import type { ProcessConfig } from './process-config.ts'

/** The limits of a container's own group. */
export function containerLimits(
  { resources }: Container,
  { podPidsLimit }: Pick<ProcessConfig, 'podPidsLimit'>,
): CgroupLimits {
  return { ...computeLimits(resources), maxProcesses: podPidsLimit }
}

/** A control group that the containers of a pod share. */
export interface PodGroup {
  readonly name: string
  readonly limits: CgroupLimits
}

/** The group of a pod with resources of its own; undefined for one whose containers alone have some. */
export function podGroupOf({
  metadata,
  spec,
}: Pick<Pod, 'metadata' | 'spec'>): PodGroup | undefined {
  const { resources } = spec
  const isLimited = [resources?.limits, resources?.requests].some(
    (amounts) => Object.keys(amounts ?? {}).length > 0,
  )
  if (!isLimited) return undefined
  const limits = { ...computeLimits(resources), maxProcesses: undefined }
  return { name: podGroupName(metadata.uid), limits }
}

/** Nothing but letters, digits and dashes comes from the uid. */
export function podGroupName(uid: string): string {
  return `${podGroupPrefix}${uid.replaceAll(/[^\w-]/g, '_')}`
}

function computeLimits({ limits = {}, requests = {} }: ResourceRequirements = {}): Omit<
  CgroupLimits,
  'maxProcesses'
> {
  const { cpu, memory } = limits
  const milli = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(milliUnits(parseQuantity(text)))
  return {
    cpuLimitMilli: milli(cpu),
    cpuRequestMilli: milli(requests['cpu'] ?? cpu),
    memoryLimitBytes: memory === undefined ? undefined : Number(wholeUnits(parseQuantity(memory))),
  }
}
