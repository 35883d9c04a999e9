// SPDX-License-Identifier: Apache-2.0
// Volumes of containers that cannot have them at their mountPath: a variable for each tells where it
// lies, and `$(VK_VOLUME_<NAME>)` in command, args and values stands for that.
import type { ResolvedContainer } from '../../provider/provider.ts'
import type { ContainerMount } from '../container-runtime.ts'

/** Where a container finds its service account's files. */
export const serviceAccountDirVariable = 'VK_SERVICEACCOUNT_DIR'

/** The variable of a volume, such as VK_VOLUME_MY_DATA of `my-data`. */
export function volumeVariable(volume: string): string {
  return `VK_VOLUME_${volume.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}

/** Variables of a container's mounts; the service account's volume has one of its own name. */
export function variablesOf(
  mounts: readonly ContainerMount[],
  isServiceAccount: (volume: string) => boolean,
): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  for (const { name, hostPath } of mounts) {
    if (name === '') continue
    const variable = isServiceAccount(name) ? serviceAccountDirVariable : volumeVariable(name)
    variables.set(variable, hostPath)
  }
  return variables
}

/** The container with these variables, but for those that its own environment sets. */
export function withVariables(
  resolved: ResolvedContainer,
  variables: ReadonlyMap<string, string>,
): ResolvedContainer {
  const own = new Set(resolved.env.map(({ name }) => name))
  const added = [...variables]
    .filter(([name]) => !own.has(name))
    .map(([name, value]) => ({ name, value, isSecret: false }))
  return added.length === 0 ? resolved : { ...resolved, env: [...resolved.env, ...added] }
}
