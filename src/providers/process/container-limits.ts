// SPDX-License-Identifier: Apache-2.0
// What a container may use, from its spec to its control group.
import type { Container, ResourceRequirements } from '../../kube/types.gen.ts'
import { milliUnits, parseQuantity, wholeUnits } from '../../util/quantity.ts'
import type { CgroupLimits } from './cgroup.ts'
import type { ProcessConfig } from './process-config.ts'

/** The limits of a container's own group. */
export function containerLimits(
  { resources }: Container,
  { podPidsLimit }: Pick<ProcessConfig, 'podPidsLimit'>,
): CgroupLimits {
  return { ...computeLimits(resources), maxProcesses: podPidsLimit }
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
