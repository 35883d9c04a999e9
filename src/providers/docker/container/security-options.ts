// SPDX-License-Identifier: Apache-2.0
// The security contexts of a pod and its container in the engine's words. What a container does not say is
// what its pod says; what neither says is the engine's default, which confines more than a kubelet's.
import type { PodSecurityContext, SecurityContext } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { HostConfig } from '../engine/engine-objects.ts'
import type { CreateInput } from './create-input.ts'

export interface SecurityOptions {
  /** `uid[:gid]`; empty for the image's own. */
  readonly user: string
  readonly hostConfig: HostConfig
}

type Context = PodSecurityContext & SecurityContext

/** User, groups, capabilities and profiles; VkError CreateContainerConfigError where they contradict each other. */
export function securityOptions(input: CreateInput): SecurityOptions {
  const { pod, spec } = input.start
  const own = spec.securityContext ?? {}
  const context: Context = { ...pod.spec.securityContext, ...own }
  const { capabilities, privileged, readOnlyRootFilesystem } = own
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {}
  const groups = fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup]
  const options = securityOpt(context, input)
  return {
    user: userOf(context, input),
    hostConfig: {
      ...(privileged === true && { Privileged: true }),
      ...(readOnlyRootFilesystem === true && { ReadonlyRootfs: true }),
      ...(capabilities?.add && { CapAdd: capabilities.add.map(plain) }),
      ...(capabilities?.drop && { CapDrop: capabilities.drop.map(plain) }),
      ...(groups.length > 0 && { GroupAdd: groups.map(String) }),
      ...(options.length > 0 && { SecurityOpt: options }),
      ...(own.procMount === 'Unmasked' && { MaskedPaths: [], ReadonlyPaths: [] }),
    },
  }
}

function userOf(context: Context, { start, image }: CreateInput): string {
  const { runAsUser, runAsGroup } = context
  if (context.runAsNonRoot === true) verifyNonRoot(context, { start, image })
  const [imageUser = '', imageGroup] = image.user.split(':')
  const user = runAsUser === undefined ? imageUser : String(runAsUser)
  if (runAsGroup !== undefined) return `${user === '' ? '0' : user}:${runAsGroup}`
  // The image's group belongs to the image's user.
  return runAsUser === undefined && imageGroup !== undefined ? `${user}:${imageGroup}` : user
}

/** A kubelet's check, with its words. */
function verifyNonRoot(
  { runAsUser }: Context,
  { start, image }: Pick<CreateInput, 'start' | 'image'>,
): void {
  const { pod, spec } = start
  const { name, namespace, uid } = pod.metadata
  const where = `(pod: "${name}_${namespace}(${uid})", container: ${spec.name})`
  const [user = ''] = image.user.split(':')
  const refuse = (why: string): VkError =>
    new VkError('Invalid', `container${why} ${where}`, { podReason: 'CreateContainerConfigError' })
  if (runAsUser === 0) throw refuse("'s runAsUser breaks non-root policy")
  if (runAsUser !== undefined) return
  if (user === '' || user === '0') throw refuse(' has runAsNonRoot and image will run as root')
  if (!/^\d+$/.test(user)) {
    throw refuse(
      ` has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root`,
    )
  }
}

function securityOpt(
  context: Context,
  { engineKind, seccompProfile }: CreateInput,
): readonly string[] {
  const {
    allowPrivilegeEscalation,
    appArmorProfile,
    seccompProfile: seccomp,
    seLinuxOptions,
  } = context
  const options: string[] = []
  if (allowPrivilegeEscalation === false) options.push('no-new-privileges')
  if (seccomp?.type === 'Unconfined') options.push('seccomp=unconfined')
  if (seccompProfile !== undefined) options.push(`seccomp=${seccompProfile}`)
  if (appArmorProfile?.type === 'Unconfined') options.push('apparmor=unconfined')
  if (appArmorProfile?.type === 'Localhost') {
    options.push(`apparmor=${appArmorProfile.localhostProfile ?? ''}`)
  }
  for (const [name, value] of Object.entries(seLinuxOptions ?? {})) {
    options.push(`label=${name}:${value}`)
  }
  if (context.procMount === 'Unmasked' && engineKind === 'podman') options.push('unmask=ALL')
  return options
}

/** `CAP_NET_RAW` and `NET_RAW` are the same to the API. */
function plain(capability: string): string {
  return capability.replace(/^CAP_/, '')
}
