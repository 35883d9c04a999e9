// SPDX-License-Identifier: Apache-2.0
// Files made of one ConfigMap or Secret: all keys, or the chosen ones under their paths. Messages are
// the kubelet's.
import type { ConfigMap, KeyToPath, Secret } from '../kube/types.gen.ts'
import type { VolumeFile } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'

/** What of an object is wanted, as volumes and projections say it. */
export interface ObjectSelection {
  readonly name: string
  readonly isOptional: boolean
  readonly items: readonly KeyToPath[] | undefined
  readonly defaultMode: number
}

const encoder = new TextEncoder()

/** Files of a ConfigMap; `undefined` stands for one that does not exist. */
export function configMapFiles(
  configMap: ConfigMap | undefined,
  selection: ObjectSelection,
): readonly VolumeFile[] {
  const values = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(configMap?.data ?? {})) {
    values.set(key, encoder.encode(text))
  }
  for (const [key, base64] of Object.entries(configMap?.binaryData ?? {})) {
    values.set(key, Buffer.from(base64, 'base64'))
  }
  return select(values, selection, { kind: 'configmap', isThere: configMap !== undefined })
}

/** Files of a Secret; `undefined` stands for one that does not exist. */
export function secretFiles(
  secret: Secret | undefined,
  selection: ObjectSelection,
): readonly VolumeFile[] {
  const values = new Map<string, Uint8Array>()
  for (const [key, base64] of Object.entries(secret?.data ?? {})) {
    values.set(key, Buffer.from(base64, 'base64'))
  }
  return select(values, selection, { kind: 'secret', isThere: secret !== undefined })
}

const missingKey = {
  configmap: 'configmap references non-existent config key',
  secret: 'references non-existent secret key',
} as const

function select(
  values: ReadonlyMap<string, Uint8Array>,
  { name, isOptional, items, defaultMode }: ObjectSelection,
  { kind, isThere }: { readonly kind: 'configmap' | 'secret'; readonly isThere: boolean },
): readonly VolumeFile[] {
  if (!isThere && !isOptional) throw sourceError(`${kind} "${name}" not found`)
  if (!items || items.length === 0) {
    return [...values].map(([path, content]) => ({ path, content, mode: defaultMode }))
  }
  const files: VolumeFile[] = []
  for (const { key, path, mode = defaultMode } of items) {
    const content = values.get(key)
    if (content) files.push({ path, content, mode })
    else if (!isOptional) throw sourceError(`${missingKey[kind]}: ${key}`)
  }
  return files
}

/** A source of a volume is missing or broken; what would heal that is not known here. */
export function sourceError(message: string): VkError {
  return new VkError('NotFound', message, { podReason: 'CreateContainerConfigError' })
}
