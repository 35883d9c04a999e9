// SPDX-License-Identifier: Apache-2.0
// Gives a running container, or a pod as a whole, other limits. What the kernel says when it refuses one
// holds paths, which are nobody's business outside.
import { VkError, messageOf } from '../../util/vk-error.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { CgroupLimits, Cgroups } from './cgroup.ts'
import { podGroupOf } from './container-limits.ts'

export interface ResizedGroup {
  /** Whose it is, as messages say it. */
  readonly what: string
  readonly group: string
  readonly limits: CgroupLimits
}

/** Throws Unsupported where there is no such group, else with what the kernel says. */
export function resizeGroup(
  cgroups: Cgroups | undefined,
  { what, group, limits }: ResizedGroup,
): void {
  const start = `Cannot resize ${what}`
  let isDone = false
  try {
    isDone = cgroups?.update(group, limits) ?? false
  } catch (error) {
    const { code = messageOf(error) } = error as NodeJS.ErrnoException
    throw new VkError('Unavailable', `${start}: ${code}`, { cause: error })
  }
  if (!isDone) throw new VkError('Unsupported', `${start}: it has no control group`)
}

/** The same for a pod with resources as a whole; one without has nothing to resize. */
export function resizePod(cgroups: Cgroups | undefined, pod: Pod): void {
  const found = podGroupOf(pod)
  if (found) resizeGroup(cgroups, { what: 'pod', group: found.name, limits: found.limits })
}
