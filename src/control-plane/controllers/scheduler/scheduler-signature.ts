// SPDX-License-Identifier: Apache-2.0
// Pods that ask for the same are refused for the same reasons: a text that is equal for such pods, so
// that a thousand workers of one Job that wait for room cost one decision and not a thousand.
import type { Container } from '../../../kube/types.gen.ts'
import type { PodFacts } from './pod-facts.ts'

/** Undefined for pods whose place depends on more than nodes and their sums. */
export function signatureOf({ pod, hasAffinity, priority }: PodFacts): string | undefined {
  const { spec, status } = pod
  const isPlain =
    !hasAffinity &&
    (spec.topologySpreadConstraints ?? []).length === 0 &&
    (status?.nominatedNodeName ?? '') === '' &&
    !(spec.volumes ?? []).some(
      ({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim ?? ephemeral,
    )
  if (!spec || !isPlain) return undefined
  const asks = ({ resources, ports, restartPolicy }: Container) => [
    resources?.requests,
    ports?.some(({ hostPort }) => hostPort) ? ports : undefined,
    restartPolicy,
  ]
  return JSON.stringify([
    priority,
    spec.preemptionPolicy,
    spec.nodeSelector,
    spec.affinity?.nodeAffinity,
    spec.tolerations,
    spec.overhead,
    spec.resources?.requests,
    spec.containers.map(asks),
    spec.initContainers?.map(asks),
  ])
}
