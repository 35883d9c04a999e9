// SPDX-License-Identifier: Apache-2.0
// The providers that come with the program, each loaded only when it is named: nobody pays for a cloud
// SDK to run processes.
import type { ProviderModule } from '../provider/provider.ts'
import { UserError } from '../util/vk-error.ts'

type Load = () => Promise<{ readonly providerModule: ProviderModule }>

const modules: Readonly<Record<string, Load>> = {
  docker: () => import('../providers/docker/provider.ts'),
  mock: () => import('../providers/mock/provider.ts'),
  process: () => import('../providers/process/provider.ts'),
}

/** Names of all providers, sorted. */
export const providerNames: readonly string[] = Object.keys(modules).sort()

/** The provider of that name; UserError for an unknown one. */
export async function loadProviderModule(name: string): Promise<ProviderModule> {
  return (await loaderOf(name)()).providerModule
}

/** Throws a UserError when there is no provider of that name, without loading any. */
export function checkProviderName(name: string): void {
  loaderOf(name)
}

function loaderOf(name: string): Load {
  const load = Object.hasOwn(modules, name) ? modules[name] : undefined
  if (load !== undefined) return load
  throw new UserError(`Cannot use provider "${name}": there is none of that name`, {
    hint: `There are: ${providerNames.join(', ')}.`,
  })
}
