// SPDX-License-Identifier: Apache-2.0
// Capabilities that a container gives up, in setpriv's words. They leave the bounding set, so that no
// program with file capabilities or the setuid bit brings them back.
import type { Container } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'

/** What the container drops, without `CAP_`; throws a VkError for what cannot be a capability's name. */
export function droppedCapabilities({ name, securityContext }: Container): readonly string[] {
  return (securityContext?.capabilities?.drop ?? []).map((capability) => {
    if (!/^[A-Z][A-Z_]*$/i.test(capability)) {
      throw new VkError(
        'Invalid',
        `Cannot run container "${name}": capabilities.drop holds "${capability}", which is no capability`,
        { podReason: 'CreateContainerConfigError' },
      )
    }
    return capability.toUpperCase().replace(/^CAP_/, '')
  })
}

/**
 * Options of setpriv by which it drops them; none for none. A process that changes its user keeps no
 * inheritable ones in any case.
 */
export function dropOptions(
  dropped: readonly string[],
  { changesUser }: { readonly changesUser: boolean },
): readonly string[] {
  const inheritable = changesUser ? ['--inh-caps=-all'] : []
  if (dropped.length === 0) return inheritable
  const names = dropped.includes('ALL') ? ['all'] : dropped.map((name) => name.toLowerCase())
  const set = names.map((name) => `-${name}`).join(',')
  return [...(changesUser ? inheritable : [`--inh-caps=${set}`]), `--bounding-set=${set}`]
}
