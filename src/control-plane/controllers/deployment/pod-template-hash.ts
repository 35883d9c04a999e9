// SPDX-License-Identifier: Apache-2.0
// The hash that tells the ReplicaSets of a Deployment apart: stable for a template, short, and fit for
// a name. It need not equal the one another implementation computes; nothing compares them.
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../../kube/types.gen.ts'
import { isSemanticallyEqual } from '../../resources/semantic-equality.ts'
import { stableHash } from '../workload/stable-hash.ts'

export const templateHashLabel = 'pod-template-hash'

/** The hash of a Deployment's template; another one for each collision so far. */
export function podTemplateHash({ spec, status }: Deployment): string {
  return stableHash(spec.template, status?.collisionCount)
}

/** Whether a ReplicaSet was made from the Deployment's present template. */
export function hasTemplateOf(replicaSet: ReplicaSet, { spec }: Deployment): boolean {
  const { template } = replicaSet.spec
  return (
    template !== undefined && isSemanticallyEqual(withoutHash(template), withoutHash(spec.template))
  )
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [templateHashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  // Templates have no creation time, but some clients write `creationTimestamp: null`.
  const { creationTimestamp: _time, ...metadata } = template.metadata ?? {}
  return { ...template, metadata: { ...metadata, labels } }
}
