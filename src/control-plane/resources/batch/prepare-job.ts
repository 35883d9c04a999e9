// SPDX-License-Identifier: Apache-2.0
// The defaults of Jobs and CronJobs, and the labels by which a Job knows its pods.
import type { CronJobSpec, Job, JobSpec } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { maxInt32 } from '../meta/validate-values.ts'
import { defaultPodTemplate } from '../pods/default-pod-spec.ts'
import { isMissing, isRecord, mapOf, sortedMap } from '../read-json.ts'
import { mapField, mapItems, withDefaults, withField } from '../share-structure.ts'
import { withSpec } from '../with-spec.ts'

/** A Job takes on the labels of its template if it has none. */
export function defaultJob(object: KubeObject): KubeObject {
  const result = withSpec(object, defaultJobSpec)
  const labels = asKind<Job>(result).spec?.template?.metadata?.labels
  const hasOwn = Object.keys(mapOf(object.metadata.labels)).length > 0
  if (labels === undefined || hasOwn) return result
  return withField(result, 'metadata', withField(result.metadata, 'labels', labels))
}

function defaultJobSpec(spec: JobSpec): JobSpec {
  const hasNeither = isMissing(spec.completions) && isMissing(spec.parallelism)
  const counted = withDefaults(spec, { parallelism: 1, ...(hasNeither && { completions: 1 }) })
  const complete = withDefaults(counted, {
    backoffLimit: isMissing(spec.backoffLimitPerIndex) ? 6 : maxInt32,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: isMissing(spec.podFailurePolicy) ? 'TerminatingOrFailed' : 'Failed',
    manualSelector: false,
  })
  return withField(defaultFailurePolicy(complete), 'template', defaultPodTemplate(spec.template))
}

function defaultFailurePolicy(spec: JobSpec): JobSpec {
  return mapField(spec, 'podFailurePolicy', (policy) =>
    withField(
      policy,
      'rules',
      mapItems(policy.rules, (rule) =>
        withField(
          rule,
          'onPodConditions',
          mapItems(rule.onPodConditions, (pattern) => withDefaults(pattern, { status: 'True' })),
        ),
      ),
    ),
  )
}

export function defaultCronJob(object: KubeObject): KubeObject {
  return withSpec<CronJobSpec>(object, (spec) => {
    const complete = withDefaults(spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    })
    const jobTemplate = complete.jobTemplate ?? {}
    const { metadata = {}, spec: jobSpec } = jobTemplate
    const template = isRecord(jobSpec)
      ? defaultFailurePolicy(withField(jobSpec, 'template', defaultPodTemplate(jobSpec.template)))
      : { template: defaultPodTemplate(undefined) }
    const withMetadata = withField(jobTemplate, 'metadata', metadata)
    return withField(complete, 'jobTemplate', withField(withMetadata, 'spec', template))
  })
}

export const jobLabels = {
  name: ['job-name', 'batch.kubernetes.io/job-name'],
  uid: ['controller-uid', 'batch.kubernetes.io/controller-uid'],
} as const

/** Pods are known by the Job's uid, unless the user takes care of the selector. */
export function withGeneratedSelector(object: KubeObject): KubeObject {
  const { metadata, spec } = asKind<Job>(object)
  if (!isRecord(spec) || spec.manualSelector === true) return object
  const { name, uid } = metadata
  const { template, selector } = spec
  const labels: Record<string, string> = {}
  for (const key of jobLabels.name) labels[key] = name
  for (const key of jobLabels.uid) labels[key] = uid
  const complete = sortedMap({ ...labels, ...template.metadata?.labels }) ?? {}
  const matchLabels = sortedMap({ [jobLabels.uid[1]]: uid, ...selector?.matchLabels }) ?? {}
  const result = withField(object, 'spec', {
    ...spec,
    template: { ...template, metadata: { ...template.metadata, labels: complete } },
    selector: { ...selector, matchLabels },
  })
  // A Job that was given no labels has those of its template, also the new ones.
  const own = object.metadata.labels
  const isOwn = own !== template.metadata?.labels && Object.keys(mapOf(own)).length > 0
  if (isOwn) return result
  return withField(result, 'metadata', withField(metadata, 'labels', complete))
}
