// SPDX-License-Identifier: Apache-2.0
// From a container's volumeMounts to what lies where on the host. Messages are the kubelet's, with what
// is wrong in the volume itself; they do not tell of the host's file system beyond it.
import { join } from 'node:path'
import type { Container, VolumeMount } from '../../kube/types.gen.ts'
import type { ResolvedEnvVar } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import type { ContainerMount, VolumeSupport } from '../container-runtime.ts'
import { expandSubPath } from './expand-sub-path.ts'
import { copyPinned } from './pinned-copy.ts'
import type { VolumeKind } from './pod-volume-list.ts'
import { resolveSubPath, SubPathError, type FoundSubPath } from './sub-path.ts'

/** A volume that has been set up on the host. */
export interface ReadyVolume {
  readonly kind: VolumeKind
  readonly hostPath: string
  readonly isDirectory: boolean
  /** Whatever a mount says. */
  readonly isReadOnly: boolean
  /** Its directory is a mere place, which the runtime makes a tmpfs. */
  readonly tmpfs?: { readonly sizeBytes: number | undefined }
}

export interface MountContext {
  readonly volumes: ReadonlyMap<string, ReadyVolume>
  /** Volumes that this node does not have; mounts of these are left out. */
  readonly isLeftOut: (volume: string) => boolean
  /** The container's environment, for subPathExpr. */
  readonly env: readonly ResolvedEnvVar[]
  readonly delivery: VolumeSupport['delivery']
  readonly canBeRecursivelyReadOnly: boolean
  /** Where files can be kept for this run of the container alone. */
  readonly attemptDir: string
}

/** The mounts of a container, in the order of its spec. Rejects with CreateContainerConfigError. */
export async function containerMounts(
  spec: Pick<Container, 'name' | 'volumeMounts'>,
  context: MountContext,
): Promise<readonly ContainerMount[]> {
  const mounts: ContainerMount[] = []
  for (const mount of spec.volumeMounts ?? []) {
    const volume = context.volumes.get(mount.name)
    if (volume) mounts.push(await mountOf(mount, { volume, context, container: spec.name }))
    else if (!context.isLeftOut(mount.name)) {
      throw configError(`cannot find volume "${mount.name}" to mount into container "${spec.name}"`)
    }
  }
  return mounts
}

interface Mounting {
  readonly volume: ReadyVolume
  readonly context: MountContext
  readonly container: string
}

async function mountOf(mount: VolumeMount, mounting: Mounting): Promise<ContainerMount> {
  const { volume, context } = mounting
  const { name, mountPath, readOnly = false, mountPropagation, recursiveReadOnly } = mount
  const subPath = subPathOf(mount, context)
  const found = subPath === '' ? volume : await inVolume(subPath, mount, mounting)
  const isReadOnly = readOnly || volume.isReadOnly
  const isRecursive =
    isReadOnly &&
    (recursiveReadOnly === 'Enabled' ||
      (recursiveReadOnly === 'IfPossible' && context.canBeRecursivelyReadOnly))
  const { tmpfs } = volume
  return {
    name,
    hostPath: found.hostPath,
    mountPath: mountPath.startsWith('/') ? mountPath : `/${mountPath}`,
    isReadOnly,
    kind: tmpfs ? 'tmpfs' : found.isDirectory ? 'dir' : 'file',
    ...(isRecursive && { isRecursiveReadOnly: true }),
    ...(isPropagation(mountPropagation) && { propagation: mountPropagation }),
    ...(tmpfs?.sizeBytes !== undefined && { sizeBytes: tmpfs.sizeBytes }),
  }
}

function subPathOf({ subPath = '', subPathExpr }: VolumeMount, { env }: MountContext): string {
  const path = subPathExpr ? expandSubPath(subPathExpr, env) : subPath
  if (path.startsWith('/')) {
    throw configError(`error SubPath \`${path}\` must not be an absolute path`)
  }
  if (path.split('/').includes('..')) {
    throw configError(`unable to provision SubPath \`${path}\`: must not contain '..'`)
  }
  return path
}

async function inVolume(
  subPath: string,
  { name }: VolumeMount,
  { volume, context, container }: Mounting,
): Promise<FoundSubPath> {
  if (volume.tmpfs) {
    throw configError(
      `Cannot mount subPath of volume "${name}": this node makes volumes in memory only whole`,
    )
  }
  try {
    // As written by the core or by an image, it is not added to.
    const isReadOnly = volume.isReadOnly
    const found = await resolveSubPath(volume.hostPath, { subPath, isReadOnly })
    // A path into the present generation of files is gone with it, where nothing holds it by a mount.
    const isPassing = volume.kind === 'files' && context.delivery === 'variable'
    if (!isPassing) return found
    return {
      ...found,
      hostPath: await copyPinned(found, join(context.attemptDir, 'volumes', name)),
    }
  } catch (error) {
    if (!(error instanceof SubPathError)) throw error
    throw configError(
      `failed to prepare subPath for volumeMount "${name}" of container "${container}": ${error.message}`,
      error,
    )
  }
}

function isPropagation(
  text: string | undefined,
): text is NonNullable<ContainerMount['propagation']> {
  return text === 'None' || text === 'HostToContainer' || text === 'Bidirectional'
}

function configError(message: string, cause?: unknown): VkError {
  return new VkError('Invalid', message, { cause, podReason: 'CreateContainerConfigError' })
}
