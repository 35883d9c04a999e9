// SPDX-License-Identifier: Apache-2.0
// Ephemeral containers come to a pod that runs already, so each of them is judged by itself: one that the
// backend cannot run as written is not handed over and waits for ever, and the rest of the pod goes on.
// Pure, and the same after a restart of ours.
import type { Pod } from '../kube/types.gen.ts'
import { describeFields, isWithin, unsupportedFields } from '../provider/feature-check.ts'
import type { ObservedPod, PodProvider } from '../provider/provider.ts'
import type { FeatureCheck } from './judge-pod.ts'
import type { RefusedContainer } from './known-pod.ts'

export interface RefusalContext {
  readonly provider: Pick<PodProvider, 'features' | 'problemsOf'>
  /** As it holds for this pod. */
  readonly featureCheck: FeatureCheck
  readonly observed: Pick<ObservedPod, 'ephemeralContainers'> | undefined
}

/**
 * The ephemeral containers of `pod` that the backend is not to be given. Lenience forgives features that
 * are lacking, not what the backend refuses to do. One that the backend has started is left to it.
 */
export function refusedContainers(
  pod: Pod,
  { provider, featureCheck, observed }: RefusalContext,
): readonly RefusedContainer[] {
  const { ephemeralContainers = [] } = pod.spec
  if (ephemeralContainers.length === 0) return []
  const fields = [
    ...(featureCheck === 'strict' ? unsupportedFields(pod, provider.features) : []),
    ...(provider.problemsOf?.(pod) ?? []),
  ]
  return ephemeralContainers.flatMap(({ name }, index) => {
    const at = `spec.ephemeralContainers[${index}]`
    const own = fields.filter(({ field }) => field === at || isWithin(field, at))
    if (own.length === 0 || hasStarted(observed, name)) return []
    // By name, as kubelets write it in events: other containers that are added may move this one.
    const named = own.map(({ field, why }) => {
      return { field: `spec.ephemeralContainers{${name}}${field.slice(at.length)}`, why }
    })
    return [{ name, message: describeFields(named) }]
  })
}

/** The pod as the backend is given it. */
export function withoutRefused(pod: Pod, refused: readonly RefusedContainer[]): Pod {
  if (refused.length === 0) return pod
  const names = new Set(refused.map(({ name }) => name))
  const { ephemeralContainers = [] } = pod.spec
  const kept = ephemeralContainers.filter(({ name }) => !names.has(name))
  return { ...pod, spec: { ...pod.spec, ephemeralContainers: kept } }
}

function hasStarted(observed: RefusalContext['observed'], container: string): boolean {
  const status = observed?.ephemeralContainers.find(({ name }) => name === container)
  return (status?.state?.running ?? status?.state?.terminated) !== undefined
}
