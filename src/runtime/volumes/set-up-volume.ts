// SPDX-License-Identifier: Apache-2.0
// Setting up one volume, by its kind. Calls may be repeated: what is there already is kept.
import { mkdir } from 'node:fs/promises'
import type { Pod, Volume } from '../../kube/types.gen.ts'
import type { CallContext, PodFacts, PodRequest, ProviderHost } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import type { VolumeSupport } from '../container-runtime.ts'
import { diskError } from '../disk.ts'
import { writeVolume } from './atomic-writer.ts'
import type { ReadyVolume } from './container-mounts.ts'
import { ensureEmptyDir, memorySizeOf, openToAll } from './empty-dir.ts'
import { applyVolumeGroup, volumeGroupOf } from './fs-group.ts'
import { prepareHostPath } from './host-path.ts'
import { kindOf } from './pod-volume-list.ts'

export interface VolumePlaces {
  /** This volume's own directory in the pod's. */
  readonly dir: string
  readonly host: ProviderHost
  readonly support: VolumeSupport
  readonly facts: PodFacts
  readonly context: CallContext
  /** Called when it cannot be told where the volume is. */
  readonly onClaimFailure: () => void
  /** Notes what is being written to `dir`: as long as it is, the directory cannot be removed. */
  readonly writing: <T>(work: Promise<T>) => Promise<T>
}

export interface SetUpVolume extends ReadyVolume {
  readonly refreshAtMs?: number
}

/** Makes the volume ready for containers; rejects with why it is not. */
export async function setUpVolume(
  request: PodRequest,
  volume: Volume,
  places: VolumePlaces,
): Promise<SetUpVolume> {
  switch (kindOf(volume)) {
    case 'files':
      return await setUpFiles(request, volume, places)
    case 'emptyDir':
      return await setUpEmptyDir(request.pod, volume, places)
    case 'hostPath':
      return await setUpHostPath(volume, places)
    case 'claim':
      return await setUpClaim(request, volume, places)
    case 'image':
      return await setUpImage(request.pod, volume, places)
    case undefined:
  }
  throw unsupported(`Cannot set up volume "${volume.name}": its kind is not supported`)
}

async function setUpFiles(
  request: PodRequest,
  { name }: Volume,
  { dir, host, support, facts, context, writing }: VolumePlaces,
): Promise<SetUpVolume> {
  const { uid } = request.pod.metadata
  const { files, refreshAtMs } = await request.resolveVolume(name, facts)
  // The pod may have gone meanwhile, and its directory with it: nobody would remove the files any more.
  context.signal.throwIfAborted()
  const group = volumeGroupOf(request.pod, { isReadOnly: true })
  const nowMs = host.clock.nowMs()
  const written = writeVolume(dir, { files, nowMs, ...(group && { group }) })
  await onDisk('write the files', writing(written))
  await support.filesWritten?.({ uid, volume: name, hostPath: dir }, context)
  return {
    kind: 'files',
    hostPath: dir,
    isDirectory: true,
    isReadOnly: true,
    ...(refreshAtMs !== undefined && { refreshAtMs }),
  }
}

async function setUpEmptyDir(
  pod: Pod,
  volume: Volume,
  { dir, support, context, writing }: VolumePlaces,
): Promise<SetUpVolume> {
  const ready = { kind: 'emptyDir', isDirectory: true, isReadOnly: false } as const
  const { medium = '' } = volume.emptyDir ?? {}
  if (medium === '') {
    await onDisk('make the directory', writing(ensureEmptyDir(dir, pod)))
    return { ...ready, hostPath: dir }
  }
  if (medium !== 'Memory') {
    throw unsupported(`Cannot make volume "${volume.name}": medium "${medium}" is not supported`)
  }
  const sizeBytes = memorySizeOf(pod, volume)
  if (!support.prepareMemory) {
    await onDisk('make the directory', mkdir(dir, { recursive: true, mode: 0o755 }))
    return { ...ready, hostPath: dir, tmpfs: { sizeBytes } }
  }
  const { hostPath, isNew } = await support.prepareMemory(
    { pod, volume: volume.name, sizeBytes },
    context,
  )
  if (isNew) await onDisk('open the directory', openToAll(hostPath, pod))
  return { ...ready, hostPath }
}

async function setUpHostPath(
  { hostPath = { path: '' } }: Volume,
  { support, host }: VolumePlaces,
): Promise<SetUpVolume> {
  const found = await onDisk('use the host path', prepareHostPath(hostPath, rulesOf(support, host)))
  return { ...found, kind: 'hostPath', isReadOnly: false }
}

async function setUpClaim(
  request: PodRequest,
  { name }: Volume,
  { support, host, onClaimFailure }: VolumePlaces,
): Promise<SetUpVolume> {
  const claimed = await request.resolveClaim(name).catch((error: unknown) => {
    onClaimFailure()
    throw error
  })
  const { hostPath, local } = claimed.spec
  // A local volume is a directory, and nobody makes it.
  const source = hostPath ?? (local && { path: local.path, type: 'Directory' })
  if (!source) {
    throw unsupported(
      `PersistentVolume "${claimed.volumeName}" is neither of type hostPath nor local`,
    )
  }
  const found = await onDisk('use the volume', prepareHostPath(source, rulesOf(support, host)))
  const { isReadOnly } = claimed
  const group = local && volumeGroupOf(request.pod, { isReadOnly })
  if (group) await onDisk('change the group', applyVolumeGroup(found.hostPath, group))
  return { ...found, kind: 'claim', isReadOnly }
}

async function setUpImage(
  pod: Pod,
  { name, image }: Volume,
  { support, context }: VolumePlaces,
): Promise<SetUpVolume> {
  if (!support.prepareImage) {
    throw unsupported(`Cannot set up volume "${name}": images are not supported as volumes`)
  }
  const { reference = '', pullPolicy = 'IfNotPresent' } = image ?? {}
  const wish = { pod, volume: name, reference, pullPolicy }
  const { hostPath } = await support.prepareImage(wish, context)
  return { kind: 'image', hostPath, isDirectory: true, isReadOnly: true }
}

function rulesOf(
  { hostPathPrefixes = [] }: VolumeSupport,
  { protectedDir }: ProviderHost,
): Parameters<typeof prepareHostPath>[1] {
  return { prefixes: hostPathPrefixes, protectedDir }
}

/** Failures of the disk, told without where on this machine. */
async function onDisk<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof VkError ? error : diskError(what, error)
  }
}

function unsupported(message: string): VkError {
  return new VkError('Unsupported', message)
}
