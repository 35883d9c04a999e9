// SPDX-License-Identifier: Apache-2.0
// The pod of a Job: its template, the tracking finalizer, and for an Indexed Job the index in every
// place where programs look for it.
import type { Container, Job, Pod, PodSpec } from '../../../kube/types.gen.ts'
import type { NewObject } from '../cluster-api.ts'
import { podFromTemplate } from '../workload/pod-control.ts'
import { jobs } from '../workload/workload-resources.ts'
import { failureAnnotations } from './index-failures.ts'
import { completionIndexKey, trackingFinalizer } from './job-facts.ts'

const indexVariable = 'JOB_COMPLETION_INDEX'
/** Longer prefixes leave no room for the five characters that make a generated name unique. */
const maxPrefixLength = 58

/** A pod without an index, or the one of `index`; `replaced` is the failed pod that it stands for. */
export function jobPod(
  job: Job,
  { index, replaced }: { readonly index?: number; readonly replaced?: Pod | undefined } = {},
): NewObject<Pod> {
  const pod = podFromTemplate(job.spec.template, { owner: job, ownerResource: jobs })
  const { finalizers = [], labels, annotations } = pod.metadata
  const metadata = { ...pod.metadata, finalizers: [...new Set([...finalizers, trackingFinalizer])] }
  if (index === undefined) return { ...pod, metadata }
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: prefixOf(job.metadata.name, index),
      labels: { ...labels, [completionIndexKey]: `${index}` },
      annotations: {
        ...annotations,
        [completionIndexKey]: `${index}`,
        ...(job.spec.backoffLimitPerIndex !== undefined && failureAnnotations(job, replaced)),
      },
    },
    spec: { ...withIndexVariable(pod.spec), hostname: `${job.metadata.name}-${index}` },
  }
}

function prefixOf(name: string, index: number): string {
  const suffix = `-${index}-`
  return name.slice(0, Math.max(0, maxPrefixLength - suffix.length)) + suffix
}

function withIndexVariable(spec: PodSpec): PodSpec {
  const { containers, initContainers } = spec
  return {
    ...spec,
    containers: containers.map(containerWithIndex),
    ...(initContainers && { initContainers: initContainers.map(containerWithIndex) }),
  }
}

function containerWithIndex(container: Container): Container {
  const { env = [] } = container
  if (env.some(({ name }) => name === indexVariable)) return container
  const fieldPath = `metadata.labels['${completionIndexKey}']`
  return {
    ...container,
    env: [...env, { name: indexVariable, valueFrom: { fieldRef: { fieldPath } } }],
  }
}
