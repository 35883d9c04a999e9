// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of volumes and of the claims to them.
import type { PersistentVolume, PersistentVolumeClaim } from '../../kube/types.gen.ts'
import { age, ageColumn, column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const persistentVolumePrinter: TablePrinter = printerFor<PersistentVolume>(
  [
    nameColumn,
    column('Capacity'),
    column('Access Modes'),
    column('Reclaim Policy'),
    column('Status'),
    column('Claim'),
    column('StorageClass'),
    column('VolumeAttributesClass'),
    column('Reason'),
    ageColumn,
    wideColumn('VolumeMode'),
  ],
  (volume, nowMs) => {
    const { metadata, spec, status } = volume
    const claim = spec.claimRef
    return [
      metadata.name,
      spec.capacity?.['storage'] ?? '0',
      accessModes(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? '',
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      claim ? `${claim.namespace ?? ''}/${claim.name ?? ''}` : '',
      classOf(volume),
      spec.volumeAttributesClassName ?? '<unset>',
      status?.reason ?? '',
      age(volume, nowMs),
      spec.volumeMode ?? '<unset>',
    ]
  },
)

export const persistentVolumeClaimPrinter: TablePrinter = printerFor<PersistentVolumeClaim>(
  [
    nameColumn,
    column('Status'),
    column('Volume'),
    column('Capacity'),
    column('Access Modes'),
    column('StorageClass'),
    column('VolumeAttributesClass'),
    ageColumn,
    wideColumn('VolumeMode'),
  ],
  (claim, nowMs) => {
    const { metadata, spec, status } = claim
    const isBound = Boolean(spec.volumeName)
    return [
      metadata.name,
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      spec.volumeName ?? '',
      isBound ? (status?.capacity?.['storage'] ?? '0') : '',
      isBound ? accessModes(status?.accessModes) : '',
      classOf(claim),
      spec.volumeAttributesClassName ?? '<unset>',
      age(claim, nowMs),
      spec.volumeMode ?? '<unset>',
    ]
  },
)

const modeNames: readonly (readonly [mode: string, short: string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]

function accessModes(modes: readonly string[] = []): string {
  return modeNames
    .filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',')
}

/** The annotation is from before the field; it goes first. */
function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  const annotated = metadata.annotations?.['volume.beta.kubernetes.io/storage-class']
  return annotated ?? spec.storageClassName ?? ''
}
