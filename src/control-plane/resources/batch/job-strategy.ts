// SPDX-License-Identifier: Apache-2.0
// Jobs: made once, hardly changed afterwards.
import type { Affinity, Job, JobSpec, PodSpec, PodTemplateSpec } from '../../../kube/types.gen.ts'
import { invalidValue, required, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { dnsLabelFaults } from '../meta/name-rules.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { isImmutable } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, sortedMap, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { withField } from '../share-structure.ts'
import { matchesSelector } from '../workloads/matches-selector.ts'
import { templateWarnings } from '../workloads/template-warnings.ts'
import { validateMatch } from '../workloads/validate-template.ts'
import { defaultJob, jobLabels, withGeneratedSelector } from './prepare-job.ts'
import { validateJobSpec } from './validate-job-spec.ts'
import { validateJobStatus } from './validate-job-status.ts'

export const jobStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: {},
  defaultPropagation: 'Orphan',
  applyDefaults: defaultJob,
  completeNew: withGeneratedSelector,
  validate: (object) => validateJob(object),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') {
      yield* validateJobStatus(asKind<Job>(next), asKind<Job>(old))
      return
    }
    yield* validateJob(next)
    yield* validateUnchanged(asKind<Job>(next), asKind<Job>(old))
  },
  warnings: (object, old) => [
    ...(old === undefined ? nameWarnings(object) : []),
    ...templateWarnings(specOf(object).template, object, old),
  ],
})

/** Names of Jobs become names of hosts. */
export function nameWarnings(object: KubeObject): readonly string[] {
  const faults = dnsLabelFaults(textOf(object.metadata.name))
  if (faults.length === 0) return []
  const why =
    'this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended'
  return [`metadata.name: ${why}: [${faults.join(' ')}]`]
}

const noSpec: JobSpec = { template: {} }

function specOf(object: KubeObject): JobSpec {
  const { spec } = asKind<Job>(object)
  return isRecord(spec) ? spec : noSpec
}

function* validateJob(object: KubeObject): Iterable<FieldError> {
  const spec = specOf(object)
  const name = textOf(object.metadata.name)
  yield* validateGeneratedSelector(asKind<Job>(object), spec)
  yield* validateJobSpec(spec, 'spec')
  const { completions = 0, selector, template } = spec
  if (isMissing(selector)) yield required('spec.selector')
  else yield* validateLabelSelector(selector, 'spec.selector')
  yield* validateMatch(selector, template, 'spec.template')
  if (spec.completionMode !== 'Indexed' || completions <= 0) return
  const hostname = `${name}-${completions - 1}`
  if (dnsLabelFaults(hostname).length > 0) {
    const why = `will not able to create pod with invalid DNS label: ${hostname}`
    yield invalidValue('metadata.name', name, why)
  }
}

function* validateGeneratedSelector({ metadata }: Job, spec: JobSpec): Iterable<FieldError> {
  const { selector, template } = spec
  if (spec.manualSelector === true || isMissing(selector)) return
  const path = 'spec.template.metadata.labels'
  const expected: Record<string, string> = {}
  const labels = template?.metadata?.labels ?? {}
  const pairs = [
    [jobLabels.uid[0], metadata.uid],
    [jobLabels.name[0], metadata.name],
    [jobLabels.uid[1], metadata.uid],
    [jobLabels.name[1], metadata.name],
  ] as const
  for (const [key, value] of pairs) {
    expected[key] = value
    if (labels[key] === undefined) yield required(`${path}[${key}]`, `must be '${value}'`)
    else if (labels[key] !== value) {
      yield invalidValue(`${path}[${key}]`, sortedMap(labels), `must be '${value}'`)
    }
  }
  if (matchesSelector(selector, expected)) return
  yield invalidValue('spec.selector', shownSelector(selector), '`selector` not auto-generated')
}

/** With its labels in the order of Go's maps. */
function shownSelector(selector: JobSpec['selector'] | null): object | null {
  if (isMissing(selector)) return null
  const { matchLabels } = selector
  return isMissing(matchLabels) ? selector : { ...selector, matchLabels: sortedMap(matchLabels) }
}

const immutable = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const

function* validateUnchanged(next: Job, old: Job): Iterable<FieldError> {
  const after = next.spec ?? noSpec
  const before = old.spec ?? noSpec
  if (after === before) return
  yield* validateCompletions(after, before)
  if (!isSemanticallyEqual(after.selector, before.selector)) {
    yield invalidValue('spec.selector', shownSelector(after.selector), isImmutable)
  }
  yield* validateTemplate(next, old)
  for (const field of immutable) {
    if (isSemanticallyEqual(after[field], before[field])) continue
    yield invalidValue(`spec.${field}`, after[field] ?? null, isImmutable)
  }
}

function* validateCompletions(next: JobSpec, old: JobSpec): Iterable<FieldError> {
  const { completions, completionMode, parallelism } = next
  if (completions === old.completions) return
  if (completionMode !== 'Indexed') {
    yield invalidValue('spec.completions', completions ?? null, isImmutable)
  } else if (!isMissing(completions) && completions !== parallelism) {
    const why = 'can only be modified in tandem with spec.parallelism'
    yield invalidValue('spec.completions', completions, why)
  }
}

/** Only while a Job is suspended and none of its pods run, some of its template may change. */
function* validateTemplate(next: Job, old: Job): Iterable<FieldError> {
  const after = next.spec?.template ?? {}
  let before = old.spec?.template ?? {}
  if (after === before) return
  if (!isAtRest(old)) {
    if (isSemanticallyEqual(after, before)) return
    yield invalidValue('spec.template', after, isImmutable)
    return
  }
  before = withPlacement(before, after)
  const spec = withResources(before.spec ?? { containers: [] }, after.spec ?? { containers: [] })
  if (isSemanticallyEqual(after.spec, spec)) return
  yield invalidValue('spec.template.spec', after.spec ?? null, isImmutable)
}

function isAtRest({ spec, status }: Job): boolean {
  const isSuspended = listOf(status?.conditions).some(
    (one) => one.type === 'Suspended' && one.status === 'True',
  )
  const isStopped = isMissing(status?.startTime) || isSuspended
  return spec?.suspend === true && isStopped && (status?.active ?? 0) === 0
}

function withPlacement(old: PodTemplateSpec, next: PodTemplateSpec): PodTemplateSpec {
  let spec = old.spec ?? { containers: [] }
  for (const field of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) {
    spec = withField(spec, field, next.spec?.[field])
  }
  const affinity: Affinity = withField(
    spec.affinity ?? {},
    'nodeAffinity',
    next.spec?.affinity?.nodeAffinity,
  )
  spec = withField(spec, 'affinity', Object.keys(affinity).length === 0 ? undefined : affinity)
  const metadata = {
    ...old.metadata,
    annotations: next.metadata?.annotations ?? {},
    labels: next.metadata?.labels ?? {},
  }
  return { ...old, metadata, spec }
}

function withResources(old: PodSpec, next: PodSpec): PodSpec {
  let result = old
  for (const list of ['containers', 'initContainers'] as const) {
    const others = listOf(next[list])
    const containers = listOf(old[list])
    if (others.length !== containers.length || containers.length === 0) continue
    const changed = containers.map((container, index) => {
      const other = others[index]
      return other?.name === container.name
        ? withField(container, 'resources', other.resources)
        : container
    })
    result = withField(result, list, changed)
  }
  return result
}
