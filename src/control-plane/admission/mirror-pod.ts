// SPDX-License-Identifier: Apache-2.0
// The only pods that a node may make are mirrors of what it runs by itself: bound to it, owned by it,
// and without anything that would give it access to other objects.
import type { Node, Pod, Volume, VolumeProjection } from '../../kube/types.gen.ts'
import { mirrorAnnotation, podReferences } from '../auth/node/pod-references.ts'
import { storedObject } from '../auth/stored-object.ts'
import { notFound } from '../objects/api-status.ts'
import { forbid } from './forbid.ts'
import type { NodeRequest } from './node-request.ts'

/** Throws StatusError unless the pod to be created is such a mirror. */
export function checkMirrorPod(nodeRequest: NodeRequest): void {
  const { node, request } = nodeRequest
  const pod = request.object as unknown as Pod
  const name = JSON.stringify(node)
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined) {
    const why = `pod does not have "${mirrorAnnotation}" annotation, node ${name} can only create mirror pods`
    throw forbid(request, why)
  }
  if (pod.spec?.nodeName !== node) {
    const why = `node ${name} can only create pods with spec.nodeName set to itself`
    throw forbid(request, why)
  }
  checkOwner(pod, nodeRequest)
  const referred = referredKind(pod)
  if (referred !== undefined) {
    throw forbid(request, `node ${name} can not create pods that reference ${referred}`)
  }
}

function checkOwner(pod: Pod, { context, node, request }: NodeRequest): void {
  const name = JSON.stringify(node)
  const [owner, ...others] = pod.metadata.ownerReferences ?? []
  const only = `node ${name} can only create pods with`
  if (others.length > 0) {
    throw forbid(request, `${only} a single owner reference set to itself`)
  }
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw forbid(request, `${only} an owner reference set to itself`)
  }
  if (owner.controller !== true) {
    throw forbid(request, `${only} a controller owner reference set to itself`)
  }
  if (owner.blockOwnerDeletion === true) {
    throw forbid(request, `node ${name} must not set blockOwnerDeletion on an owner reference`)
  }
  const found = storedObject<Node>(context.store, 'nodes', { namespace: '', name: node })
  if (!found) throw notFound({ group: '', plural: 'nodes' }, node)
  const { uid } = found.metadata
  if (owner.uid !== uid) {
    throw forbid(request, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`)
  }
}

/** What kind of object the pod needs from the API, or undefined when it needs none. */
function referredKind(pod: Pod): string | undefined {
  const { resourceClaims = [], serviceAccountName = '', volumes = [] } = pod.spec ?? {}
  const kinds = new Set(podReferences(pod).map(({ kind }) => kind))
  if (serviceAccountName !== '') return 'serviceaccounts'
  if (kinds.has('secrets')) return 'secrets'
  if (kinds.has('configmaps')) return 'configmaps'
  if (resourceClaims.length > 0) return 'resourceclaims'
  return volumes.map(volumeNeeds).find((need) => need !== undefined)
}

function volumeNeeds(volume: Volume): string | undefined {
  if (volume.configMap) return 'configmaps (via configmap volumes)'
  if (volume.secret) return 'secrets (via secret volumes)'
  if (volume.csi) return 'csidrivers (via CSI volumes)'
  if (volume.glusterfs) return 'endpoints (via glusterFS volumes)'
  if (volume.persistentVolumeClaim) return 'persistentvolumeclaims'
  if (volume.ephemeral) return 'persistentvolumeclaims (via ephemeral volumes)'
  if (volume.azureFile) return 'secrets (via azureFile volumes)'
  return (volume.projected?.sources ?? []).map(sourceNeeds).find((need) => need !== undefined)
}

function sourceNeeds(source: VolumeProjection): string | undefined {
  if (source.configMap) return 'configmaps (via projected volumes)'
  if (source.secret) return 'secrets (via projected volumes)'
  if (source.serviceAccountToken) return 'serviceaccounts (via projected volumes)'
  if (source.clusterTrustBundle) return 'clustertrustbundles'
  return source.podCertificate ? 'podcertificates' : undefined
}
