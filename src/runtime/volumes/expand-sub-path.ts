// SPDX-License-Identifier: Apache-2.0
// subPathExpr: `$(NAME)` by the container's own variables, each of which must be there and hold
// something, for else two containers could share a directory that neither means.
import type { ResolvedEnvVar } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'

/** The path; throws CreateContainerConfigError with the names of all variables that are missing. */
export function expandSubPath(expression: string, env: readonly ResolvedEnvVar[]): string {
  const variables = new Map(env.map(({ name, value }) => [name, value]))
  const missing = new Set<string>()
  // `$$` first, so that `$$(NAME)` stays `$(NAME)`.
  const path = expression.replaceAll(/\$\$|\$\(([^)]*)\)/g, (text, name: string | undefined) => {
    if (name === undefined) return '$'
    const value = variables.get(name)
    if (!value) missing.add(name)
    return value ?? text
  })
  if (missing.size === 0) return path
  const names = [...missing].sort().join(', ')
  throw new VkError('Invalid', `missing value for ${names}`, {
    podReason: 'CreateContainerConfigError',
  })
}
