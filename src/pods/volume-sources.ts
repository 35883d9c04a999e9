// SPDX-License-Identifier: Apache-2.0
// The files of volumes that are made from API objects: ConfigMaps, Secrets, the pod itself, and what a
// projected volume gathers of these, of tokens and of trust bundles. Content only; the runtime or the
// backend lays it out.
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '../kube/types.gen.ts'
import type { VolumeFile, VolumeFiles } from '../provider/provider.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import type { CertificatePlace, PodCertificate } from './certificates/pod-certificates.ts'
import { fieldValue, type FieldContext } from './env/field-ref.ts'
import { resourceValue } from './env/resource-ref.ts'
import type { ServiceAccountToken } from './service-account-tokens.ts'
import type { TrustBundleSelection, TrustAnchors } from './trust-bundles.ts'
import { configMapFiles, secretFiles, sourceError } from './volume-objects.ts'

/** Where a volume's content comes from, for one pod. */
export interface VolumeSources extends FieldContext {
  configMap(name: string): Promise<ConfigMap | undefined>
  secret(name: string): Promise<Secret | undefined>
  token(projection: ServiceAccountTokenProjection): Promise<ServiceAccountToken>
  trustAnchors(selection: TrustBundleSelection): Promise<TrustAnchors>
  certificate(place: CertificatePlace): Promise<PodCertificate>
  readonly nodeAllocatable: Readonly<Record<string, string>>
}

interface Gathering {
  readonly pod: Pod
  readonly sources: VolumeSources
  readonly defaultMode: number
}

const encoder = new TextEncoder()
const usualMode = 0o644

/**
 * The files of the pod's volume of this name, read afresh. Kinds of volumes that are not made of files
 * are Unsupported.
 */
export async function resolveVolume(
  pod: Pod,
  volumeName: string,
  sources: VolumeSources,
): Promise<VolumeFiles> {
  const volume = pod.spec.volumes?.find(({ name }) => name === volumeName)
  if (!volume) throw cannot('NotFound', volumeName, 'the pod has no volume of that name')
  const projections = projectionsOf(volume)
  if (!projections) throw cannot('Unsupported', volumeName, 'it is not made from API objects')
  const gathering = { pod, sources, defaultMode: projections.defaultMode ?? usualMode }
  const parts = await Promise.allSettled(
    projections.sources.map((source, index) =>
      gather(source, { volume: volumeName, index }, gathering),
    ),
  )
  return merge(parts)
}

interface Projections {
  readonly sources: readonly VolumeProjection[]
  readonly defaultMode?: number | undefined
}

/** Every volume of files as what projects them. */
function projectionsOf({
  projected,
  configMap,
  secret,
  downwardAPI,
}: Volume): Projections | undefined {
  if (projected) return { sources: projected.sources ?? [], defaultMode: projected.defaultMode }
  if (configMap) return { sources: [{ configMap }], defaultMode: configMap.defaultMode }
  if (downwardAPI) return { sources: [{ downwardAPI }], defaultMode: downwardAPI.defaultMode }
  if (!secret) return undefined
  const { secretName: name = '', defaultMode, ...rest } = secret
  return { sources: [{ secret: { name, ...rest } }], defaultMode }
}

/** In order: of two sources that give one path the later wins. All failures are told at once. */
function merge(parts: readonly PromiseSettledResult<VolumeFiles>[]): VolumeFiles {
  const failures = parts
    .filter((part) => part.status === 'rejected')
    .map(({ reason }): unknown => reason)
  if (failures.length > 0) throw together(failures)
  const files = new Map<string, VolumeFile>()
  let refreshAtMs = Infinity
  for (const part of parts) {
    if (part.status === 'rejected') continue
    for (const file of part.value.files) files.set(file.path, file)
    refreshAtMs = Math.min(refreshAtMs, part.value.refreshAtMs ?? Infinity)
  }
  return { files: [...files.values()], ...(refreshAtMs < Infinity && { refreshAtMs }) }
}

function together(failures: readonly unknown[]): unknown {
  const messages = [...new Set(failures.map((failure) => messageOf(failure)))]
  if (messages.length === 1) return failures[0]
  return sourceError(`[${messages.join(', ')}]`)
}

async function gather(
  source: VolumeProjection,
  { volume, index }: { readonly volume: string; readonly index: number },
  gathering: Gathering,
): Promise<VolumeFiles> {
  const { pod, sources, defaultMode } = gathering
  if (source.serviceAccountToken) {
    const { path } = source.serviceAccountToken
    const { token, refreshAtMs } = await sources.token(source.serviceAccountToken)
    return { files: [privateFile({ path, text: token }, gathering)], refreshAtMs }
  }
  if (source.clusterTrustBundle) {
    const { path, optional = false, ...selector } = source.clusterTrustBundle
    const selection = { ...selector, isOptional: optional }
    const { text, refreshAtMs } = await sources.trustAnchors(selection)
    return { files: [privateFile({ path, text }, gathering)], refreshAtMs }
  }
  if (source.podCertificate) {
    return await certificateFiles({ volume, index, projection: source.podCertificate }, gathering)
  }
  const object = source.configMap ?? source.secret
  if (object) {
    const { name = '', optional = false, items } = object
    const selection = { name, isOptional: optional, items, defaultMode }
    if (source.secret) return { files: secretFiles(await sources.secret(name), selection) }
    return { files: configMapFiles(await sources.configMap(name), selection) }
  }
  if (source.downwardAPI) {
    const { items = [] } = source.downwardAPI
    return { files: items.map((item) => downwardFile(item, { pod, sources, defaultMode })) }
  }
  const kind = Object.keys(source).join(', ')
  // An API server leaves out what it does not know.
  const what =
    kind === ''
      ? 'a source of it is empty, perhaps one that the API server does not know'
      : `source ${kind} is not supported`
  throw cannot('Unsupported', volume, what)
}

/** The key comes first in a file that holds both. */
async function certificateFiles(
  place: CertificatePlace,
  gathering: Gathering,
): Promise<VolumeFiles> {
  const { key, chain, refreshAtMs } = await gathering.sources.certificate(place)
  const { credentialBundlePath, keyPath, certificateChainPath } = place.projection
  const wanted = [
    [credentialBundlePath, key + chain],
    [keyPath, key],
    [certificateChainPath, chain],
  ] as const
  const files = wanted.flatMap(([path, text]) =>
    path ? [privateFile({ path, text }, gathering)] : [],
  )
  return { files, refreshAtMs }
}

function downwardFile(
  { path, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile,
  { pod, sources, defaultMode }: Gathering,
): VolumeFile {
  const text = fieldRef
    ? fieldValue(pod, fieldRef.fieldPath, sources)
    : resourceFieldRef
      ? resourceValue(pod, resourceFieldRef, { ...sources, containerName: '' })
      : ''
  return { path, mode: mode ?? defaultMode, content: encoder.encode(text) }
}

/** What only one user needs to read is that user's. */
function privateFile(
  { path, text }: { readonly path: string; readonly text: string },
  { pod, defaultMode }: Gathering,
): VolumeFile {
  const ownerUid = onlyUserOf(pod)
  const isPrivate = ownerUid !== undefined || pod.spec.securityContext?.fsGroup !== undefined
  return {
    path,
    mode: isPrivate ? 0o600 : defaultMode,
    content: encoder.encode(text),
    ...(ownerUid !== undefined && { ownerUid }),
  }
}

function onlyUserOf({ spec }: Pod): number | undefined {
  const users = [...spec.containers, ...(spec.initContainers ?? [])].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  )
  return users.every((user) => user === users[0]) ? users[0] : undefined
}

// A kubelet leaves such a pod in ContainerCreating; the reason that says why is of more use.
function cannot(code: 'NotFound' | 'Unsupported', volume: string, why: string): VkError {
  return new VkError(code, `Cannot fill volume "${volume}": ${why}`, {
    podReason: 'CreateContainerConfigError',
  })
}
