// SPDX-License-Identifier: Apache-2.0
// --seccomp-default promises a filter to every container that names none: a node that cannot keep that runs nothing.
import type { PodProvider } from '../provider/provider.ts'
import { UserError } from '../util/vk-error.ts'
import type { Settings } from './settings.ts'

/** Throws a UserError where containers are to be filtered, and the provider as it was made here filters none. */
export function checkSeccomp(
  {
    seccompDefault,
    provider: name,
  }: Pick<Settings['nodes'][number], 'seccompDefault' | 'provider'>,
  { features }: Pick<PodProvider, 'features'>,
): void {
  if (!seccompDefault || features['security.seccomp'] === true) return
  throw new UserError(
    `Cannot use --seccomp-default: provider "${name}" cannot filter the system calls of containers here`,
    {
      hint: 'Leave it out, or see docs/security.md for what filters them: for host processes, bubblewrap.',
    },
  )
}
