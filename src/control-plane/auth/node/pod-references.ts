// SPDX-License-Identifier: Apache-2.0
// What a pod refers to, and its node may therefore read: everything that a container or volume of it
// needs, its service account, and its claims.
import type { Pod, Volume } from '../../../kube/types.gen.ts'

/** Kinds of objects in a pod's namespace that it can refer to. */
export type ReferredKind =
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'resourceclaims'
  | 'secrets'
  | 'serviceaccounts'

/** One object in the pod's namespace. */
export interface PodReference {
  readonly kind: ReferredKind
  readonly name: string
}

/** The annotation of a pod that only shows what a node runs by itself. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Each object once, nameless references left out. */
export function podReferences(pod: Pod): readonly PodReference[] {
  const { spec, status } = pod
  const account = spec?.serviceAccountName
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ]
  const references: readonly (PodReference | undefined)[] = [
    reference('serviceaccounts', account),
    ...(spec?.imagePullSecrets ?? []).map(({ name }) => reference('secrets', name)),
    ...containers.flatMap((container) => [
      ...(container.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
        reference('configmaps', configMapRef?.name),
        reference('secrets', secretRef?.name),
      ]),
      ...(container.env ?? []).flatMap(({ valueFrom }) => [
        reference('configmaps', valueFrom?.configMapKeyRef?.name),
        reference('secrets', valueFrom?.secretKeyRef?.name),
      ]),
    ]),
    ...(spec?.volumes ?? []).flatMap((volume) => volumeReferences(volume, pod)),
    ...(spec?.resourceClaims ?? []).map(({ name, resourceClaimName }) => {
      const made = status?.resourceClaimStatuses?.find((one) => one.name === name)
      return reference('resourceclaims', resourceClaimName ?? made?.resourceClaimName)
    }),
    reference('resourceclaims', status?.extendedResourceClaimStatus?.resourceClaimName),
  ]
  const byKey = new Map(
    references.flatMap((one) => (one ? [[`${one.kind}/${one.name}`, one] as const] : [])),
  )
  return [...byKey.values()]
}

function volumeReferences(volume: Volume, pod: Pod): readonly (PodReference | undefined)[] {
  const claim = volume.ephemeral
    ? `${pod.metadata.name}-${volume.name}`
    : volume.persistentVolumeClaim?.claimName
  return [
    reference('persistentvolumeclaims', claim),
    reference('configmaps', volume.configMap?.name),
    reference('secrets', volume.secret?.secretName),
    ...(volume.projected?.sources ?? []).flatMap(({ configMap, secret }) => [
      reference('configmaps', configMap?.name),
      reference('secrets', secret?.name),
    ]),
    reference('secrets', volume.azureFile?.secretName),
    reference('secrets', volume.csi?.nodePublishSecretRef?.name),
    ...[
      volume.cephfs,
      volume.cinder,
      volume.flexVolume,
      volume.iscsi,
      volume.rbd,
      volume.scaleIO,
      volume.storageos,
    ].map((source) => reference('secrets', source?.secretRef?.name)),
  ]
}

function reference(kind: ReferredKind, name: string | undefined): PodReference | undefined {
  return name === undefined || name === '' ? undefined : { kind, name }
}
