// SPDX-License-Identifier: Apache-2.0
// The `scale` subresource: a workload's number of replicas as an autoscaling/v1 Scale, to read and write.
import { conflict, invalid } from '../objects/api-status.ts'
import { invalidValue } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { isObject } from '../schema/json-object.ts'

interface WorkloadParts {
  readonly spec?: { readonly replicas?: number; readonly selector?: Selector }
  readonly status?: { readonly replicas?: number }
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

/** The Scale of a Deployment, ReplicaSet or StatefulSet. */
export function scaleOf(workload: KubeObject): KubeObject {
  const { spec = {}, status = {} } = workload as WorkloadParts
  const { name, namespace, uid, resourceVersion, creationTimestamp } = workload.metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      creationTimestamp,
    } as KubeObject['metadata'],
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status.replicas ?? 0, selector: selectorText(spec.selector ?? {}) },
  }
}

/** The workload with the replicas that a Scale asks for. Throws 409 or 422. */
export function withScale(workload: KubeObject, scale: KubeObject): KubeObject {
  const { name = '', uid, resourceVersion } = scale.metadata
  const resource = { group: 'autoscaling', plural: 'scales' }
  if (uid && uid !== workload.metadata.uid) {
    const what = `UID in precondition: ${uid}, UID in object meta: ${workload.metadata.uid}`
    throw conflict(resource, name, `Precondition failed: ${what}`)
  }
  const wanted = isObject(scale['spec']) ? (scale['spec']['replicas'] ?? 0) : 0
  if (!Number.isInteger(wanted) || Number(wanted) < 0) {
    const error = invalidValue('spec.replicas', wanted, 'must be greater than or equal to 0')
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [error])
  }
  const metadata = { ...workload.metadata, ...(resourceVersion && { resourceVersion }) }
  return { ...workload, metadata, spec: { ...(workload['spec'] as object), replicas: wanted } }
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const equalities = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const sets = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${[...values].sort().join(',')})`
  })
  return [...equalities, ...sets].sort().join(',')
}
