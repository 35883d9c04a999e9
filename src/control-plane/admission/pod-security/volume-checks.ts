// SPDX-License-Identifier: Apache-2.0
// Pod Security: the kinds of volumes that a pod may have.
import type { Volume } from '../../../kube/types.gen.ts'
import { named, plural, quoted, sorted } from './pod-check.ts'
import type { Check, CheckPod } from './pod-check.ts'

const allowed = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const

const others = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const

const noHostPath: CheckPod = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined)
  if (bad.length === 0) return undefined
  const detail = named(
    'volume',
    bad.map(({ name }) => name),
  )
  return { reason: 'hostPath volumes', detail }
}

const onlyKnown: CheckPod = ({ spec }) => {
  const has = (volume: Volume, kind: keyof Volume): boolean => volume[kind] !== undefined
  const bad = (spec.volumes ?? []).filter((one) => !allowed.some((kind) => has(one, kind)))
  if (bad.length === 0) return undefined
  const kindOf = (volume: Volume): string => others.find((kind) => has(volume, kind)) ?? 'unknown'
  const kinds = sorted(bad.map(kindOf))
  const who = named(
    'volume',
    bad.map(({ name }) => name),
  )
  const what = `${plural('restricted volume type', kinds.length)} ${quoted(kinds)}`
  const verb = bad.length === 1 ? 'uses' : 'use'
  return { reason: 'restricted volume types', detail: `${who} ${verb} ${what}` }
}

export const volumeChecks: readonly Check[] = [
  { id: 'hostPathVolumes', level: 'baseline', versions: [{ since: 0, check: noHostPath }] },
  {
    id: 'restrictedVolumes',
    level: 'restricted',
    versions: [{ since: 0, check: onlyKnown, overrides: ['hostPathVolumes'] }],
  },
]
