// SPDX-License-Identifier: Apache-2.0
// The PersistentVolume behind a claim of a pod. A node may get its pods' claims and volumes by name, and
// neither list nor watch them; what it may read trails the pod's binding by a moment. Messages are the
// kubelet's.
import { isRefused } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { ObjectName, Resource } from '../kube/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../kube/types.gen.ts'
import type { ClaimedVolume } from '../provider/provider.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import { messageOf, VkError } from '../util/vk-error.ts'

export interface ClaimReader {
  readonly client: KubeClient
  readonly clock: Clock
}

const claims: Resource<PersistentVolumeClaim> = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  isNamespaced: true,
}
const persistentVolumes: Resource<PersistentVolume> = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  isNamespaced: false,
}

const refusalBackoff = { baseMs: 50, factor: 2, capMs: 800, jitter: 0.2 }
const refusalsBelieved = 6
const protection = 'kubernetes.io/pvc-protection'

/** The volume that the claim of this pod's volume is bound to. Rejects while there is none. */
export async function readClaim(
  pod: Pod,
  volume: Volume,
  reader: ClaimReader,
): Promise<ClaimedVolume> {
  const claimName = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`
  const { namespace } = pod.metadata
  const id = `${namespace}/${claimName}`
  try {
    const claim = await fetchOne(reader, claims, { namespace, name: claimName }).catch((error) => {
      throw unavailable(`failed to fetch PVC from API server: ${messageOf(error)}`)
    })
    checkClaim(claim)
    if (volume.ephemeral) checkOwner(claim, pod)
    const persistentVolume = await readVolume(claim, reader)
    const { spec } = persistentVolume
    if ((spec.volumeMode ?? 'Filesystem') !== 'Filesystem') {
      throw new OwnWords(
        `volume ${volume.name} has volumeMode ${spec.volumeMode}, but is specified in volumeMounts`,
      )
    }
    const isReadOnly = volume.persistentVolumeClaim?.readOnly ?? false
    return { claimName, volumeName: persistentVolume.metadata.name, isReadOnly, spec }
  } catch (error) {
    if (error instanceof OwnWords) throw unavailable(error.message)
    throw unavailable(`error processing PVC ${id}: ${messageOf(error)}`)
  }
}

/** A failure that a kubelet tells without naming the claim first. */
class OwnWords extends Error {}

function checkClaim({ metadata, spec, status }: PersistentVolumeClaim): void {
  const isProtected = metadata.finalizers?.includes(protection) ?? false
  if (metadata.deletionTimestamp !== undefined && !isProtected) {
    throw unavailable('PVC is being deleted')
  }
  if (status?.phase !== 'Bound') throw unavailable('PVC is not bound')
  if (!spec?.volumeName) throw unavailable('PVC has empty pvc.Spec.VolumeName')
}

function checkOwner({ metadata }: PersistentVolumeClaim, pod: Pod): void {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true)
  if (controller?.uid === pod.metadata.uid) return
  const { namespace, name } = pod.metadata
  throw new OwnWords(
    `PVC ${namespace}/${metadata.name} was not created for pod ${namespace}/${name} (pod is not owner)`,
  )
}

async function readVolume(
  { metadata: { uid }, spec }: PersistentVolumeClaim,
  reader: ClaimReader,
): Promise<PersistentVolume> {
  const name = spec?.volumeName ?? ''
  const volume = await fetchOne(reader, persistentVolumes, { name }).catch((error) => {
    throw unavailable(`failed to fetch PV ${name} from API server: ${messageOf(error)}`)
  })
  const claimRef = volume.spec?.claimRef
  if (!claimRef) {
    throw unavailable(
      `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    )
  }
  if (claimRef.uid !== uid) {
    throw unavailable(
      `found PV object ${name} but its pv.Spec.ClaimRef.UID ${claimRef.uid} does not point to claim.UID ${uid}`,
    )
  }
  return volume
}

/** A refusal is believed once it has lasted for a while. */
async function fetchOne<T>(
  { client, clock }: ClaimReader,
  resource: Resource<T>,
  at: ObjectName,
): Promise<T> {
  for (let refusals = 1; ; refusals += 1) {
    try {
      return await client.get(resource, at)
    } catch (error) {
      if (!isRefused(error) || refusals >= refusalsBelieved) throw error
      await clock.sleep(backoffMs(refusals, refusalBackoff))
    }
  }
}

function unavailable(message: string): VkError {
  return new VkError('Unavailable', message, { podReason: 'CreateContainerConfigError' })
}
