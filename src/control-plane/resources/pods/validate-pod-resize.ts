// SPDX-License-Identifier: Apache-2.0
// Judges the two addresses that change a running pod in place: its resources, and its ephemeral
// containers.
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../kube/types.gen.ts'
import { forbiddenField, invalidValue, type FieldError } from '../../objects/field-error.ts'
import type { Amounts } from '../canonical-quantity.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { withField } from '../share-structure.ts'
import { unifiedDiff } from '../unified-diff.ts'
import { qosClassOf } from './pod-qos.ts'
import { validatePodContent } from './validate-pod.ts'
import { mirrorAnnotation, validatePodAnnotationsUpdate } from './validate-pod-annotations.ts'

export function* validateEphemeralContainersUpdate(next: Pod, old: Pod): Iterable<FieldError> {
  if (mapOf(old.metadata.annotations)[mirrorAnnotation] !== undefined) {
    yield forbiddenField('', 'static pods do not support ephemeral containers')
    return
  }
  yield* validatePodContent(next)
  yield* validatePodAnnotationsUpdate(
    next.metadata.annotations,
    old.metadata.annotations,
    'metadata.annotations',
  )
  const containers = new Map(listOf(next.spec.ephemeralContainers).map((one) => [one.name, one]))
  for (const before of listOf(old.spec.ephemeralContainers)) {
    const after = containers.get(before.name)
    const what = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`
    if (after === undefined) yield forbiddenField('spec.ephemeralContainers', `${what} removed\n`)
    else if (!isSemanticallyEqual(before, after)) {
      const why = `${what} changed\n${unifiedDiff(before, after)}`
      yield forbiddenField('spec.ephemeralContainers', why)
    }
  }
}

const onlyCpuAndMemory = 'only cpu and memory resources are mutable'

export function* validatePodResize(next: Pod, old: Pod): Iterable<FieldError> {
  if (mapOf(old.metadata.annotations)[mirrorAnnotation] !== undefined) {
    yield forbiddenField('', 'static pods cannot be resized')
    return
  }
  if (old.spec.os?.name === 'windows') {
    yield forbiddenField('', 'windows pods cannot be resized')
    return
  }
  yield* validatePodContent(next)
  const before = textOf(old.status?.qosClass) || qosClassOf(old.spec)
  if (before !== qosClassOf(next.spec)) {
    const why = 'Pod QOS Class may not change as a result of resizing'
    yield invalidValue('spec', textOf(next.status?.qosClass), why)
  }
  if (!isResizeSupported(old)) {
    yield forbiddenField('spec', 'Pod running on node without support for resize')
  }
  yield* validatePodLevel(next.spec, old.spec)
  const shape = [...validateShape(next.spec, old.spec)]
  yield* shape
  if (shape.length > 0) return
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of listOf(old.spec[list]).entries()) {
      const other = listOf(next.spec[list])[index] as Container
      yield* validateNotRemoved(other, container, `spec.${list}[${index}].resources`)
    }
  }
  yield* validateOnlyComputing(next.spec, old.spec)
}

/** A node that resizes reports the resources of running containers. */
function isResizeSupported({ status }: Pod): boolean {
  const running = listOf(status?.containerStatuses).find(({ state }) => !isMissing(state?.running))
  return running === undefined || !isMissing(running.resources)
}

function* validatePodLevel(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  if (isMissing(old.resources) && isMissing(next.resources)) return
  if (isMissing(next.resources)) {
    yield forbiddenField('spec.resources', 'pod-level resources cannot be removed')
    return
  }
  for (const side of ['requests', 'limits'] as const) {
    if (!isRemoved(next.resources[side], old.resources?.[side])) continue
    yield forbiddenField(`spec.resources.${side}`, `pod-level resource ${side} cannot be removed`)
  }
  if (isSemanticallyEqual(others(next.resources), others(old.resources))) return
  yield forbiddenField('spec', `${onlyCpuAndMemory} at pod-level`)
}

function* validateShape(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  for (const list of ['containers', 'initContainers'] as const) {
    const [after, before] = [listOf(next[list]), listOf(old[list])]
    if (after.length !== before.length) {
      yield forbiddenField(`spec.${list}`, `${list} may not be added or removed on resize`)
      continue
    }
    for (const [index, { name }] of before.entries()) {
      if (after[index]?.name === name) continue
      const why = `${list} may not be renamed or reordered on resize`
      yield forbiddenField(`spec.${list}[${index}].name`, why)
    }
  }
}

function* validateNotRemoved(next: Container, old: Container, path: string): Iterable<FieldError> {
  for (const side of ['requests', 'limits'] as const) {
    if (!isRemoved(next.resources?.[side], old.resources?.[side])) continue
    yield forbiddenField(`${path}.${side}`, `resource ${side} cannot be removed`)
  }
}

function isRemoved(next: Amounts | undefined, old: Amounts | undefined): boolean {
  const after = mapOf(next)
  return Object.keys(mapOf(old)).some((name) => after[name] === undefined)
}

function* validateOnlyComputing(next: PodSpec, old: PodSpec): Iterable<FieldError> {
  for (const [index, container] of listOf(next.containers).entries()) {
    if (isSameButComputing(container, old.containers[index])) continue
    yield forbiddenField('spec', onlyCpuAndMemory)
  }
  for (const [index, container] of listOf(next.initContainers).entries()) {
    const before = old.initContainers?.[index]
    const path = `spec.initContainers[${index}]`
    if (isSemanticallyEqual(container, before)) continue
    if (!isSameButComputing(container, before)) {
      const why = 'only cpu and memory resources for init or sidecar containers are mutable'
      yield forbiddenField(path, why)
    }
    if (container.restartPolicy === 'Always') continue
    for (const { restartPolicy } of listOf(container.resizePolicy)) {
      if (restartPolicy === 'RestartContainer') yield forbiddenField(path, notRestartable)
    }
  }
}

const notRestartable =
  'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'

function isSameButComputing(next: Container, old: Container | undefined): boolean {
  if (old === undefined) return false
  if (!isSemanticallyEqual(others(next.resources), others(old.resources))) return false
  return isSemanticallyEqual(withField(next, 'resources', old.resources), old)
}

/** What is left of resources without cpu and memory. */
function others(resources: ResourceRequirements | undefined): unknown {
  const without = (amounts: Amounts | undefined): unknown => {
    const { cpu: _cpu, memory: _memory, ...rest } = mapOf(amounts)
    return rest
  }
  return { limits: without(resources?.limits), requests: without(resources?.requests) }
}
