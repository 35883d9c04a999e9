// SPDX-License-Identifier: Apache-2.0
// Which filter a container asks for. Its own words come before the pod's; a profile of the node lies below
// the directory where a kubelet looks for it, `seccomp` in --root-dir.
import { readFile } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import type { Container, Pod } from '../../../../kube/types.gen.ts'
import { VkError, messageOf } from '../../../../util/vk-error.ts'
import { defaultProfile } from './default-profile.ts'
import type { FilterFiles, FilterStore } from './filter-store.ts'
import { parseOciProfile } from './oci-profile.ts'

/** No profile is as large. */
const maxProfileBytes = 1024 * 1024

export interface FilterPlaces {
  /** --root-dir. */
  readonly rootDir: string
  readonly filters: Pick<FilterStore, 'filesOf'> | undefined
  /** Containers that say nothing have RuntimeDefault. */
  readonly isDefault: boolean
  /** Whatever the container can come to have; empty for one of an ordinary user's node. */
  readonly capabilities: readonly string[]
}

/** Undefined: none. Rejects with a VkError where it cannot be had. */
export async function containerFilter(
  { pod, spec }: { readonly pod: Pod; readonly spec: Container },
  { rootDir, filters, isDefault, capabilities }: FilterPlaces,
): Promise<FilterFiles | undefined> {
  const { type, localhostProfile } = spec.securityContext?.seccompProfile ??
    pod.spec.securityContext?.seccompProfile ?? {
      type: isDefault ? 'RuntimeDefault' : 'Unconfined',
    }
  // A lenient node runs pods without what it cannot give them.
  if (type === 'Unconfined' || !filters) return undefined
  if (type === 'RuntimeDefault') return filters.filesOf(defaultProfile(capabilities))
  if (!localhostProfile) {
    const message = 'localhostProfile must be set if seccompProfile type is Localhost.'
    throw new VkError('Invalid', message, { podReason: 'CreateContainerConfigError' })
  }
  try {
    return filters.filesOf(parseOciProfile(await readProfile(rootDir, localhostProfile)))
  } catch (cause) {
    const { code = messageOf(cause) } = cause as NodeJS.ErrnoException
    const why = cause instanceof VkError ? cause.message : (reasons.get(code) ?? code)
    const message = `cannot load seccomp profile ${JSON.stringify(localhostProfile)}: ${why}`
    throw new VkError('Invalid', message, { podReason: 'CreateContainerError', cause })
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such file in the directory "seccomp" of --root-dir'],
  ['EISDIR', 'it is a directory'],
])

async function readProfile(rootDir: string, name: string): Promise<string> {
  const path = normalize(name)
  if (path.startsWith('/') || path.split(sep).includes('..')) {
    throw new VkError('Invalid', 'it must lie in the directory "seccomp" of --root-dir')
  }
  const text = await readFile(join(rootDir, 'seccomp', path), 'utf8')
  if (text.length > maxProfileBytes) throw new VkError('Invalid', 'it is larger than 1 MiB')
  return text
}
