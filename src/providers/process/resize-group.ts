// SPDX-License-Identifier: Apache-2.0
// Gives a running container other limits. What the kernel says when it refuses one holds paths, which are
// nobody's business outside.
import { VkError, messageOf } from '../../util/vk-error.ts'
import type { CgroupLimits, Cgroups } from './cgroup.ts'

export interface ResizedContainer {
  readonly name: string
  /** Name of its control group. */
  readonly group: string
  readonly limits: CgroupLimits
}

/** Rejects with Unsupported where the container has no group, else with what the kernel says. */
export function resizeGroup(
  cgroups: Cgroups | undefined,
  { name, group, limits }: ResizedContainer,
): void {
  const what = `Cannot resize container "${name}"`
  let isDone = false
  try {
    isDone = cgroups?.update(group, limits) ?? false
  } catch (error) {
    const { code = messageOf(error) } = error as NodeJS.ErrnoException
    throw new VkError('Unavailable', `${what}: ${code}`, { cause: error })
  }
  if (!isDone) throw new VkError('Unsupported', `${what}: it has no control group`)
}
