// SPDX-License-Identifier: Apache-2.0
// The pods of a StatefulSet have names, numbers and claims that outlive them.
import type {
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  StatefulSet,
  Volume,
} from '../../../kube/types.gen.ts'
import type { NewObject } from '../cluster-api.ts'
import { podFromTemplate } from '../workload/pod-control.ts'
import { podRevisionLabel } from '../workload/revision-history.ts'
import { statefulSets } from '../workload/workload-resources.ts'

const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'

/** The number in a pod's name; undefined when the name is not of this StatefulSet's making. */
export function ordinalOf({ metadata }: StatefulSet, podName: string): number | undefined {
  const [, parent, digits = ''] = /^(.*)-(\d+)$/.exec(podName) ?? []
  if (parent !== metadata.name) return undefined
  const ordinal = Number(digits)
  return ordinal < 2 ** 31 ? ordinal : undefined
}

export function startOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0
}

export function isWanted(set: StatefulSet, ordinal: number): boolean {
  const start = startOrdinal(set)
  return ordinal >= start && ordinal < start + (set.spec.replicas ?? 1)
}

export function podNameOf({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata.name}-${ordinal}`
}

/** The revision that a pod is of, by name; '' when it does not say. */
export function revisionOfPod({ metadata }: Pod): string {
  return metadata.labels?.[podRevisionLabel] ?? ''
}

/** The pod of a number, from the template of a revision. */
export function statefulPod(
  set: StatefulSet,
  parts: {
    readonly ordinal: number
    readonly template: PodTemplateSpec
    readonly revisionName: string
  },
): NewObject<Pod> {
  const { ordinal, template, revisionName } = parts
  const { metadata, spec } = podFromTemplate(template, { owner: set, ownerResource: statefulSets })
  const name = podNameOf(set, ordinal)
  return {
    metadata: {
      ...metadata,
      name,
      labels: {
        ...metadata.labels,
        ...identityLabels(name, ordinal),
        [podRevisionLabel]: revisionName,
      },
    },
    spec: {
      ...spec,
      hostname: name,
      ...((set.spec.serviceName ?? '') !== '' && { subdomain: set.spec.serviceName }),
      ...withClaims(spec.volumes, set, ordinal),
    },
  }
}

/** The pod with the identity that it has to have; itself when it has it. */
export function repairedPod(set: StatefulSet, pod: Pod, ordinal: number): Pod {
  const { name, labels } = pod.metadata
  const hasIdentity = labels?.[podNameLabel] === name
  const wanted = claimNamesOf(set, ordinal)
  const has = new Map(
    pod.spec.volumes?.map((one) => [one.name, one.persistentVolumeClaim?.claimName]),
  )
  const hasStorage = [...wanted].every(([volume, claim]) => has.get(volume) === claim)
  if (hasIdentity && hasStorage) return pod
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...labels, ...identityLabels(name, ordinal) } },
    spec: { ...pod.spec, ...withClaims(pod.spec.volumes, set, ordinal) },
  }
}

/** The claims of a number, one a template. */
export function claimsOf(
  set: StatefulSet,
  ordinal: number,
): readonly (NewObject<PersistentVolumeClaim> & {
  readonly metadata: { readonly name: string }
})[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: claimName(set, metadata.name, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations && { annotations: metadata.annotations }),
    },
    spec,
  }))
}

function identityLabels(name: string, ordinal: number): Readonly<Record<string, string>> {
  return { [podNameLabel]: name, [podIndexLabel]: `${ordinal}` }
}

/** Claim names by the name of the volume. */
function claimNamesOf(set: StatefulSet, ordinal: number): ReadonlyMap<string, string> {
  const templates = set.spec.volumeClaimTemplates ?? []
  return new Map(templates.map(({ metadata: { name } }) => [name, claimName(set, name, ordinal)]))
}

function claimName({ metadata }: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${metadata.name}-${ordinal}`
}

function withClaims(
  volumes: readonly Volume[] | undefined,
  set: StatefulSet,
  ordinal: number,
): { readonly volumes?: readonly Volume[] } {
  const claims = claimNamesOf(set, ordinal)
  if (claims.size === 0) return volumes ? { volumes } : {}
  const others = (volumes ?? []).filter(({ name }) => !claims.has(name))
  const own = Array.from(claims, ([name, claim]) => ({
    name,
    persistentVolumeClaim: { claimName: claim },
  }))
  return { volumes: [...own, ...others] }
}
