// SPDX-License-Identifier: Apache-2.0
// Judges what an update does to a pod: images, a shorter deadline, more tolerations and fewer
// scheduling gates are allowed; and while it is gated, a narrower choice of nodes.
import type {
  Container,
  NodeAffinity,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { maxInt32 } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, mapOf, textOf } from '../read-json.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { withField } from '../share-structure.ts'
import { unifiedDiff } from '../unified-diff.ts'
import { validatePodContent } from './validate-pod.ts'
import { validatePodAnnotationsUpdate } from './validate-pod-annotations.ts'
import { validateTolerations } from './validate-scheduling.ts'

const updatable =
  '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

export function* validatePodUpdate(next: Pod, old: Pod): Iterable<FieldError> {
  if (next.spec === old.spec && next.metadata.annotations === old.metadata.annotations) return
  yield* validatePodContent(next)
  yield* validatePodAnnotationsUpdate(
    next.metadata.annotations,
    old.metadata.annotations,
    'metadata.annotations',
  )
  if (!isRecord(next.spec) || next.spec === old.spec) return
  for (const list of ['containers', 'initContainers'] as const) {
    const containers = listOf(next.spec[list])
    if (containers.length !== listOf(old.spec[list]).length) {
      yield forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers')
      return
    }
    yield* validateImages(containers, `spec.${list}`)
  }
  const deadline = [...validateDeadline(next.spec, old.spec)]
  yield* deadline
  if (deadline.length > 0 && !isMissing(next.spec.activeDeadlineSeconds)) return
  yield* validateAddedTolerations(listOf(next.spec.tolerations), listOf(old.spec.tolerations))
  yield* validateFewerGates(next.spec, old.spec)
  yield* validateUnchanged(next.spec, old.spec)
}

function* validateImages(containers: readonly Container[], path: string): Iterable<FieldError> {
  for (const [index, container] of containers.entries()) {
    const image = textOf(container.image)
    if (image === '') yield required(`${path}[${index}].image`)
    if (image.trim() !== image) {
      const why = 'must not have leading or trailing whitespace'
      yield invalidValue(`${path}[${index}].image`, image, why)
    }
  }
}

function* validateDeadline(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  const path = 'spec.activeDeadlineSeconds'
  const [after, before] = [next.activeDeadlineSeconds, old.activeDeadlineSeconds]
  if (isMissing(after)) {
    if (isMissing(before)) return
    yield invalidValue(path, null, 'must not update from a positive integer to nil value')
  } else if (after < 0 || after > maxInt32) {
    yield invalidValue(path, after, `must be between 0 and ${maxInt32}, inclusive`)
  } else if (!isMissing(before) && before < after) {
    yield invalidValue(path, after, 'must be less than or equal to previous value')
  }
}

function* validateAddedTolerations(
  next: readonly Toleration[],
  old: readonly Toleration[],
): Iterable<FieldError> {
  const isKept = old.every((before) =>
    next.some((after) => {
      const seconds = after.tolerationSeconds
      return isSemanticallyEqual(withField(before, 'tolerationSeconds', seconds), after)
    }),
  )
  if (isKept) yield* validateTolerations(next, 'spec.tolerations')
  else {
    const why = 'existing toleration can not be modified except its tolerationSeconds'
    yield forbiddenField('spec.tolerations', why)
  }
}

function* validateFewerGates(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  const known = new Set(listOf(old.schedulingGates).map(({ name }) => name))
  for (const [index, { name }] of listOf(next.schedulingGates).entries()) {
    if (known.has(name)) continue
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`
    yield forbiddenField(`spec.schedulingGates[${index}].name`, why)
  }
}

/** Puts back what may be changed; whatever else then differs is refused. */
function* validateUnchanged(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  if (isSemanticallyEqual(next, old)) return
  let rest = withField(next, 'containers', withImages(next.containers, old.containers))
  if (next.initContainers !== undefined) {
    const containers = withImages(next.initContainers, listOf(old.initContainers))
    rest = withField(rest, 'initContainers', containers)
  }
  rest = withField(rest, 'activeDeadlineSeconds', old.activeDeadlineSeconds)
  rest = withField(rest, 'schedulingGates', old.schedulingGates)
  rest = withField(rest, 'tolerations', old.tolerations)
  const wasNegative = (old.terminationGracePeriodSeconds ?? 0) < 0
  if (wasNegative && rest.terminationGracePeriodSeconds === 1) {
    rest = withField(rest, 'terminationGracePeriodSeconds', old.terminationGracePeriodSeconds)
  }
  if (listOf(old.schedulingGates).length > 0) {
    yield* validateNarrower(rest, old)
    rest = withField(rest, 'nodeSelector', old.nodeSelector)
    rest = withNodeAffinity(rest, old)
  }
  if (isSemanticallyEqual(rest, old)) return
  const why = `pod updates may not change fields other than ${updatable}\n${unifiedDiff(old, rest)}`
  yield forbiddenField('spec', why)
}

function withImages(next: readonly Container[], old: readonly Container[]): readonly Container[] {
  return listOf(next).map((container, index) => withField(container, 'image', old[index]?.image))
}

function withNodeAffinity(rest: PodSpec, old: PodSpec): PodSpec {
  const nodeAffinity = old.affinity?.nodeAffinity
  const affinity = withField(rest.affinity ?? {}, 'nodeAffinity', nodeAffinity)
  const isNone = old.affinity === undefined && Object.keys(affinity).length === 0
  return withField(rest, 'affinity', isNone ? undefined : affinity)
}

function* validateNarrower(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  const selector = mapOf(next.nodeSelector)
  const isNarrower = Object.entries(mapOf(old.nodeSelector)).every(
    ([key, value]) => selector[key] === value,
  )
  if (!isNarrower) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
    yield invalidValue('spec.nodeSelector', next.nodeSelector, why)
  }
  const before = termsOf(old.affinity?.nodeAffinity)
  const after = termsOf(next.affinity?.nodeAffinity)
  const path =
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  if (before.length > 0 && before.length !== after.length) {
    const why = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    yield invalidValue(path, after, why)
    return
  }
  for (const [index, term] of before.entries()) {
    const other = after[index] as NodeSelectorTerm
    if (hasOnlyAdditions(other, term)) continue
    const why = 'only additions are allowed (no mutations or deletions)'
    yield invalidValue(`${path}[${index}]`, other, why)
  }
}

function termsOf(affinity: NodeAffinity | undefined): readonly NodeSelectorTerm[] {
  return listOf(affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms)
}

function hasOnlyAdditions(next: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  if (isSemanticallyEqual(old, {})) return isSemanticallyEqual(next, {})
  return (['matchExpressions', 'matchFields'] as const).every((field) => {
    const before = listOf(old[field])
    return isSemanticallyEqual(listOf(next[field]).slice(0, before.length), before)
  })
}
