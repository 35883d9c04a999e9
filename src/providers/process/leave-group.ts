// SPDX-License-Identifier: Apache-2.0
// Removes a control group whose last process was just killed. Kernels take a process out of its group a
// moment after it is in no list any more, and until then the group is busy.
import type { Clock } from '../../util/clock.ts'
import type { Cgroups } from './cgroup.ts'

/**
 * Together some ten seconds, which a process that was killed may need on a busy machine to be out of its group;
 * after that something lives there that cannot be killed.
 */
const maxTries = 110
const longestPauseMs = 100

/** Resolves when the group is gone; false: it is still in use, and left to the next start's sweep. */
export async function leaveGroup(
  name: string,
  { cgroups, clock }: { readonly cgroups: Pick<Cgroups, 'remove'>; readonly clock: Clock },
): Promise<boolean> {
  for (let tries = 1; !cgroups.remove(name); tries += 1) {
    if (tries === maxTries) return false
    await clock.sleep(Math.min(2 ** tries, longestPauseMs))
  }
  return true
}
