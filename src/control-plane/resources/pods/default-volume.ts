// SPDX-License-Identifier: Apache-2.0
// The defaults of a pod's volumes.
import type {
  DownwardAPIVolumeFile,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../../../kube/types.gen.ts'
import { canonicalQuantity } from '../canonical-quantity.ts'
import { isMissing, textOf } from '../read-json.ts'
import { mapField, mapItems, withDefaults, withField } from '../share-structure.ts'
import { defaultClaimTemplate } from '../storage/default-claim.ts'
import { defaultResourceField } from './default-container.ts'
import { isLatestImage } from './image-name.ts'

const fileMode = 0o644

/** What each kind of source is completed with. */
const completions: {
  readonly [K in keyof Volume]?: (source: NonNullable<Volume[K]>) => NonNullable<Volume[K]>
} = {
  azureDisk: (source) =>
    withDefaults(source, {
      cachingMode: 'ReadWrite',
      fsType: 'ext4',
      kind: 'Shared',
      readOnly: false,
    }),
  configMap: (source) => withDefaults(source, { defaultMode: fileMode }),
  downwardAPI: (source) =>
    withField(
      withDefaults(source, { defaultMode: fileMode }),
      'items',
      mapItems(source.items, defaultFile),
    ),
  emptyDir: (source) =>
    isMissing(source.sizeLimit)
      ? source
      : withField(source, 'sizeLimit', canonicalQuantity(source.sizeLimit)),
  ephemeral: (source) => mapField(source, 'volumeClaimTemplate', defaultClaimTemplate),
  // An empty type is no type, and yet it is written out.
  hostPath: (source) => (isMissing(source.type) ? { ...source, type: '' } : source),
  image: (source) =>
    withDefaults(source, {
      pullPolicy: isLatestImage(textOf(source.reference)) ? 'Always' : 'IfNotPresent',
    }),
  iscsi: (source) => withDefaults(source, { iscsiInterface: 'default' }),
  projected: defaultProjected,
  rbd: (source) =>
    withDefaults(source, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }),
  scaleIO: (source) => withDefaults(source, { storageMode: 'ThinProvisioned', fsType: 'xfs' }),
  secret: (source) => withDefaults(source, { defaultMode: fileMode }),
}

/** Completes a volume; one without a source is an empty directory. */
export function defaultVolume(volume: Volume): Volume {
  let kind: string | undefined
  for (const field in volume) {
    if (field !== 'name' && !isMissing(volume[field as keyof Volume])) kind = field
  }
  if (kind === undefined) return { ...volume, emptyDir: {} }
  const complete = completions[kind as keyof Volume] as ((source: unknown) => never) | undefined
  return complete ? mapField(volume, kind as keyof Volume, complete) : volume
}

function defaultProjected(source: ProjectedVolumeSource): ProjectedVolumeSource {
  const withMode = withDefaults(source, { defaultMode: fileMode })
  return withField(withMode, 'sources', mapItems(source.sources, defaultProjection))
}

/** Trust bundles and pod certificates are not switched on in this version: they are dropped. */
function defaultProjection(projection: VolumeProjection): VolumeProjection {
  const { clusterTrustBundle, podCertificate, ...served } = projection
  const isServed = clusterTrustBundle === undefined && podCertificate === undefined
  return completeProjection(isServed ? projection : served)
}

function completeProjection(projection: VolumeProjection): VolumeProjection {
  const withToken = mapField(projection, 'serviceAccountToken', (token) =>
    withDefaults(token, { expirationSeconds: 3600 }),
  )
  return mapField(withToken, 'downwardAPI', (downward) =>
    withField(downward, 'items', mapItems(downward.items, defaultFile)),
  )
}

function defaultFile(file: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  const withVersion = mapField(file, 'fieldRef', (field) =>
    withDefaults(field, { apiVersion: 'v1' }),
  )
  return mapField(withVersion, 'resourceFieldRef', defaultResourceField)
}
