// SPDX-License-Identifier: Apache-2.0
// The files of volumes that are made from API objects: what a projected volume gathers from tokens,
// ConfigMaps, Secrets and the pod itself. Content only; the runtime or the backend lays it out.
import type {
  ConfigMap,
  DownwardAPIProjection,
  KeyToPath,
  Pod,
  Secret,
  VolumeProjection,
} from '../kube/types.gen.ts'
import type { VolumeFile, VolumeFiles } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import type { ServiceAccountToken } from './service-account-tokens.ts'
import type { ServiceAccountTokenProjection } from '../kube/types.gen.ts'

/** Where a volume's content comes from, for one pod. */
export interface VolumeSources {
  configMap(name: string): Promise<ConfigMap | undefined>
  secret(name: string): Promise<Secret | undefined>
  token(projection: ServiceAccountTokenProjection): Promise<ServiceAccountToken>
}

interface Part {
  readonly files: readonly VolumeFile[]
  readonly refreshAtMs?: number
}

interface Gathering {
  readonly pod: Pod
  readonly sources: VolumeSources
  readonly defaultMode: number
}

const encoder = new TextEncoder()

/** The files of the pod's volume of this name, read afresh. Other kinds than `projected` are Unsupported. */
export async function resolveVolume(
  pod: Pod,
  volumeName: string,
  sources: VolumeSources,
): Promise<VolumeFiles> {
  const volume = pod.spec.volumes?.find(({ name }) => name === volumeName)
  if (!volume) throw cannot('NotFound', volumeName, 'the pod has no volume of that name')
  const { projected } = volume
  if (!projected) throw cannot('Unsupported', volumeName, 'only projected volumes are supported')
  const gathering = { pod, sources, defaultMode: projected.defaultMode ?? 0o644 }
  const files = new Map<string, VolumeFile>()
  let refreshAtMs = Infinity
  // In order: of two sources that give one path the later wins.
  for (const source of projected.sources ?? []) {
    const part = await gather(source, volumeName, gathering)
    for (const file of part.files) files.set(file.path, file)
    refreshAtMs = Math.min(refreshAtMs, part.refreshAtMs ?? Infinity)
  }
  return {
    files: [...files.values()],
    ...(refreshAtMs < Infinity && { refreshAtMs }),
  }
}

function gather(source: VolumeProjection, volume: string, gathering: Gathering): Promise<Part> {
  if (source.serviceAccountToken) return tokenPart(source.serviceAccountToken, gathering)
  if (source.configMap) return configMapPart(source.configMap, gathering)
  if (source.secret) return secretPart(source.secret, gathering)
  if (source.downwardAPI) return Promise.resolve(downwardPart(source.downwardAPI, gathering))
  const kind = Object.keys(source).join(', ')
  return Promise.reject(cannot('Unsupported', volume, `source ${kind} is not supported`))
}

async function tokenPart(
  projection: ServiceAccountTokenProjection,
  { pod, sources, defaultMode }: Gathering,
): Promise<Part> {
  const { token, refreshAtMs } = await sources.token(projection)
  const ownerUid = onlyUserOf(pod)
  const isPrivate = ownerUid !== undefined || pod.spec.securityContext?.fsGroup !== undefined
  const file = textFile(projection.path, token, isPrivate ? 0o600 : defaultMode)
  return { files: [{ ...file, ...(ownerUid !== undefined && { ownerUid }) }], refreshAtMs }
}

// A token that only one user needs to read is that user's.
function onlyUserOf({ spec }: Pod): number | undefined {
  const users = [...spec.containers, ...(spec.initContainers ?? [])].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  )
  return users.every((user) => user === users[0]) ? users[0] : undefined
}

interface ObjectProjection {
  readonly name?: string
  readonly optional?: boolean
  readonly items?: readonly KeyToPath[]
}

async function configMapPart(projection: ObjectProjection, gathering: Gathering): Promise<Part> {
  const { name = '', optional = false } = projection
  const configMap = await gathering.sources.configMap(name)
  if (!configMap && !optional) throw notFound('configmap', name)
  const values = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(configMap?.data ?? {})) {
    values.set(key, encoder.encode(text))
  }
  for (const [key, base64] of Object.entries(configMap?.binaryData ?? {})) {
    values.set(key, Buffer.from(base64, 'base64'))
  }
  return { files: select(values, projection, { kind: 'config', isThere: !!configMap, gathering }) }
}

async function secretPart(projection: ObjectProjection, gathering: Gathering): Promise<Part> {
  const { name = '', optional = false } = projection
  const secret = await gathering.sources.secret(name)
  if (!secret && !optional) throw notFound('secret', name)
  const values = new Map<string, Uint8Array>()
  for (const [key, base64] of Object.entries(secret?.data ?? {})) {
    values.set(key, Buffer.from(base64, 'base64'))
  }
  return { files: select(values, projection, { kind: 'secret', isThere: !!secret, gathering }) }
}

function select(
  values: ReadonlyMap<string, Uint8Array>,
  { items, optional = false }: ObjectProjection,
  {
    kind,
    isThere,
    gathering,
  }: {
    readonly kind: 'config' | 'secret'
    readonly isThere: boolean
    readonly gathering: Gathering
  },
): readonly VolumeFile[] {
  if (!isThere) return []
  const { defaultMode } = gathering
  if (!items) {
    return [...values].map(([path, content]) => ({ path, content, mode: defaultMode }))
  }
  const files: VolumeFile[] = []
  for (const { key, path, mode = defaultMode } of items) {
    const content = values.get(key)
    if (content) files.push({ path, content, mode })
    else if (!optional) {
      throw configError('NotFound', `references non-existent ${kind} key: ${key}`)
    }
  }
  return files
}

function downwardPart(
  { items = [] }: DownwardAPIProjection,
  { pod, defaultMode }: Gathering,
): Part {
  return {
    files: items.map(({ path, fieldRef, mode = defaultMode }) => {
      const text = fieldRef && metadataField(pod, fieldRef.fieldPath)
      if (text === undefined) {
        const field = fieldRef?.fieldPath ?? 'resourceFieldRef'
        throw configError('Unsupported', `Cannot write file "${path}": ${field} is not supported`)
      }
      return textFile(path, text, mode)
    }),
  }
}

function metadataField({ metadata }: Pod, fieldPath: string): string | undefined {
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return lines(metadata.labels)
    case 'metadata.annotations':
      return lines(metadata.annotations)
    default: {
      const [, field, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? []
      if (key === undefined) return undefined
      return (field === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? ''
    }
  }
}

/** Sorted `key="quoted value"` lines without a final newline. */
function lines(map: Readonly<Record<string, string>> = {}): string {
  const keys = Object.keys(map).sort()
  return keys.map((key) => `${key}=${JSON.stringify(map[key])}`).join('\n')
}

function textFile(path: string, text: string, mode: number): VolumeFile {
  return { path, mode, content: encoder.encode(text) }
}

function notFound(kind: string, name: string): VkError {
  return configError('NotFound', `${kind} "${name}" not found`)
}

function cannot(code: 'NotFound' | 'Unsupported', volume: string, why: string): VkError {
  return configError(code, `Cannot fill volume "${volume}": ${why}`)
}

// A kubelet leaves such a pod in ContainerCreating; the reason that says why is of more use.
function configError(code: 'NotFound' | 'Unsupported', message: string): VkError {
  return new VkError(code, message, { podReason: 'CreateContainerConfigError' })
}
