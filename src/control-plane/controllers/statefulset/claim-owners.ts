// SPDX-License-Identifier: Apache-2.0
// Who owns a claim, which is how persistentVolumeClaimRetentionPolicy works: a claim that is to go with
// the set belongs to the set, one that is to go when the set shrinks belongs to the pod that goes. The
// garbage collector does the rest. Pure.
import { pods } from '../../../kube/resources.ts'
import type { Resource } from '../../../kube/resources.ts'
import type {
  OwnerReference,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
} from '../../../kube/types.gen.ts'
import { controllerReference } from '../workload/owner-reference.ts'
import type { Owned } from '../workload/owner-reference.ts'
import { statefulSets } from '../workload/workload-resources.ts'
import { isWanted } from './stateful-identity.ts'

export interface ClaimView {
  readonly claim: PersistentVolumeClaim
  readonly set: StatefulSet
  readonly pod: Pod
  readonly ordinal: number
}

/** The owner references that the claim has to have; undefined when it has them. */
export function claimOwners(view: ClaimView): readonly OwnerReference[] | undefined {
  const { claim, set, pod, ordinal } = view
  const references = claim.metadata.ownerReferences ?? []
  // References to predecessors of the same name: the claim is the garbage collector's business.
  if (isStale(references, set, statefulSets) || isStale(references, pod, pods)) return undefined
  const isOurs = ({ uid }: OwnerReference): boolean =>
    uid === set.metadata.uid || uid === pod.metadata.uid
  const foreign = references.filter((reference) => !isOurs(reference))
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    set.spec.persistentVolumeClaimRetentionPolicy ?? {}
  const isRetained = whenDeleted === 'Retain' && whenScaled === 'Retain'
  const isForeign = !isRetained && foreign.some(({ controller }) => controller === true)
  const isScaledDown = !isWanted(set, ordinal)
  const own: OwnerReference[] = []
  if (!isForeign) {
    if (whenScaled === 'Delete' && isScaledDown) own.push(controllerReference(pods, pod))
    else if (whenDeleted === 'Delete') own.push(controllerReference(statefulSets, set))
  }
  const has = references.filter(isOurs)
  const isSame =
    has.length === own.length &&
    own.every(({ uid }) => has.some((one) => one.uid === uid && one.controller === true))
  return isSame ? undefined : [...foreign, ...own]
}

/** Whether a new pod has to wait for the deletion of a claim that belongs to its predecessor. */
export function isClaimOfPredecessor(
  claim: PersistentVolumeClaim,
  { set, podName }: { readonly set: StatefulSet; readonly podName: string },
): boolean {
  const { whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {}
  if (whenScaled === 'Retain') return false
  return (claim.metadata.ownerReferences ?? []).some(
    ({ kind, name }) => kind === 'Pod' && name === podName,
  )
}

function isStale(
  references: readonly OwnerReference[],
  { metadata }: Owned,
  { apiVersion, kind }: Resource<unknown>,
): boolean {
  return references.some(
    (one) =>
      one.apiVersion === apiVersion &&
      one.kind === kind &&
      one.name === metadata.name &&
      one.uid !== metadata.uid,
  )
}
