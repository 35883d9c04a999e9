// SPDX-License-Identifier: Apache-2.0
// The pod of a DaemonSet: made for one node, which it names by affinity, so that the scheduler places
// it; and tolerant of what befalls nodes.
import type { Affinity, DaemonSet, Pod, PodSpec, Toleration } from '../../../kube/types.gen.ts'
import type { NewObject } from '../cluster-api.ts'
import { podFromTemplate } from '../workload/pod-control.ts'
import { podRevisionLabel } from '../workload/revision-history.ts'
import { daemonSets } from '../workload/workload-resources.ts'

const generationAnnotation = 'deprecated.daemonset.template.generation'
const generationLabel = 'pod-template-generation'
const nodeNameField = 'metadata.name'

/** The pod of one node, of the revision with this hash. */
export function daemonPod(
  set: DaemonSet,
  { nodeName, hash }: { readonly nodeName: string; readonly hash: string },
): NewObject<Pod> {
  const pod = podFromTemplate(set.spec.template, { owner: set, ownerResource: daemonSets })
  const generation = templateGeneration(set)
  return {
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        ...(generation !== undefined && { [generationLabel]: generation }),
        [podRevisionLabel]: hash,
      },
    },
    spec: {
      ...pod.spec,
      affinity: affinityTo(nodeName, pod.spec.affinity),
      tolerations: daemonTolerations(pod.spec),
    },
  }
}

/** The node that a pod is on or made for; undefined when it does not say. */
export function targetNodeOf({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const field = matchFields.find(
      ({ key, operator }) => key === nodeNameField && operator === 'In',
    )
    if (field) return field.values?.length === 1 ? field.values[0] : undefined
  }
  return undefined
}

/** Whether a pod is of the present template. */
export function isUpdated(pod: Pod, { set, hash }: { set: DaemonSet; hash: string }): boolean {
  const { labels } = pod.metadata
  const generation = templateGeneration(set)
  if (labels?.[podRevisionLabel] === hash) return true
  return generation !== undefined && labels?.[generationLabel] === generation
}

/** The tolerations of the template and those that every such pod has. */
export function daemonTolerations({
  tolerations = [],
  hostNetwork,
}: PodSpec): readonly Toleration[] {
  const added: readonly (readonly [string, string])[] = [
    ['not-ready', 'NoExecute'],
    ['unreachable', 'NoExecute'],
    ['disk-pressure', 'NoSchedule'],
    ['memory-pressure', 'NoSchedule'],
    ['pid-pressure', 'NoSchedule'],
    ['unschedulable', 'NoSchedule'],
    ...(hostNetwork === true ? ([['network-unavailable', 'NoSchedule']] as const) : []),
  ]
  const own = added.map(([taint, effect]) => ({
    key: `node.kubernetes.io/${taint}`,
    operator: 'Exists',
    effect,
  }))
  const isOwn = (one: Toleration): boolean =>
    own.some(
      ({ key, effect }) =>
        key === one.key && effect === one.effect && one.operator === 'Exists' && !one.value,
    )
  return [...tolerations.filter((one) => !isOwn(one)), ...own]
}

function templateGeneration({ metadata }: DaemonSet): string | undefined {
  const text = metadata.annotations?.[generationAnnotation]
  return text !== undefined && /^\d+$/.test(text) ? text : undefined
}

function affinityTo(nodeName: string, affinity: Affinity | undefined): Affinity {
  const matchFields = [{ key: nodeNameField, operator: 'In', values: [nodeName] }]
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  }
}
