// SPDX-License-Identifier: Apache-2.0
// The Scale of a workload: the number of replicas alone, as autoscalers and `kubectl scale` see it.
import type { LabelSelector, Scale } from '../../../kube/types.gen.ts'
import { invalidValue, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { listOf, mapOf } from '../read-json.ts'
import { withField } from '../share-structure.ts'

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector }
  readonly status?: { readonly replicas?: number }
}

const shownMetadata = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp'])

/** What GET of `scale` answers for a Deployment, ReplicaSet or StatefulSet. */
export function scaleOf(object: KubeObject): KubeObject {
  const { spec, status } = object as KubeObject & Scalable
  const replicas = spec?.replicas ?? 0
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: Object.fromEntries(
      Object.entries(object.metadata).filter(([field]) => shownMetadata.has(field)),
    ),
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(spec?.selector) },
  }
}

/** The workload with the replicas of a Scale; everything else stays. */
export function withScale(object: KubeObject, scale: KubeObject): KubeObject {
  const { spec } = scale as KubeObject & Partial<Scale>
  const replicas = spec?.replicas ?? 0
  const current = (object['spec'] ?? {}) as Readonly<Record<string, unknown>>
  const scaled = withField(object, 'spec', withField(current, 'replicas', replicas))
  const version = scale.metadata.resourceVersion
  if (version === undefined) return scaled
  return withField(scaled, 'metadata', withField(scaled.metadata, 'resourceVersion', version))
}

/** What is wrong with a Scale that a client sends. */
export function validateScale(scale: KubeObject): readonly FieldError[] {
  const replicas = (scale as KubeObject & Partial<Scale>).spec?.replicas ?? 0
  if (replicas >= 0) return []
  return [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')]
}

/** A selector in the form of a query: `a=b,c in (d,e),!f`, sorted by key. */
export function selectorText(selector: LabelSelector | undefined): string {
  const equal = Object.entries(mapOf(selector?.matchLabels)).map(
    ([key, value]) => [key, `${key}=${value}`] as const,
  )
  const others = listOf(selector?.matchExpressions).map(({ key, operator, values }) => {
    const list = [...listOf(values)].sort().join(',')
    switch (operator) {
      case 'In':
        return [key, `${key} in (${list})`] as const
      case 'NotIn':
        return [key, `${key} notin (${list})`] as const
      case 'DoesNotExist':
        return [key, `!${key}`] as const
      default:
        return [key, key] as const
    }
  })
  const parts = [...equal, ...others].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return parts.map(([, text]) => text).join(',')
}
