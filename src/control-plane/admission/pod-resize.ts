// SPDX-License-Identifier: Apache-2.0
// A running pod's resources change only as far as its node can follow: not beyond what the node has in all
// (PodResizeValidator), and only in the ways that the node declares (NodeDeclaredFeatureValidator).
import type { Node, Pod, PodSpec } from '../../kube/types.gen.ts'
import { compare, milliUnits, wholeUnits, zero, type Quantity } from '../../util/quantity.ts'
import { storedObject } from '../auth/stored-object.ts'
import type { StatusError } from '../objects/api-status.ts'
import { isSemanticallyEqual } from '../resources/semantic-equality.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { amountsOf, type ResourceList } from './amounts.ts'
import { forbid, forbidBecause, targetOf } from './forbid.ts'
import { podResourcesWithOverhead } from './pod-resources.ts'

/** What a node declares when it can follow a change, by that change. */
const declared: readonly (readonly [
  feature: string,
  isNeeded: (next: PodSpec, old: PodSpec) => boolean,
])[] = [
  ['InPlacePodLevelResourcesVerticalScaling', resizesPod],
  ['InPlacePodVerticalScalingInitContainers', resizesInitContainers],
]

export const nodeDeclaredFeatures: AdmissionPlugin = {
  name: 'NodeDeclaredFeatureValidator',
  validate(request, context) {
    const pods = boundPods(request, ['pods', 'pods/resize'])
    if (!pods) return
    const { next, old } = pods
    const needed = declared.flatMap(([name, isNeeded]) =>
      isNeeded(next.spec, old.spec) ? name : [],
    )
    if (needed.length === 0) return
    const node = nodeOf(next, request, context)
    const missing = needed.filter((name) => !node.status?.declaredFeatures?.includes(name))
    if (missing.length === 0) return
    const which = `pod update requires features ${missing.join(', ')}`
    throw forbid(request, `${which} which are not available on node "${node.metadata.name}"`)
  },
}

export const podResize: AdmissionPlugin = {
  name: 'PodResizeValidator',
  validate(request, context) {
    const pods = boundPods(request, ['pods/resize'])
    if (!pods) return
    const node = nodeOf(pods.next, request, context)
    const { name, labels } = node.metadata
    const os = labels?.['kubernetes.io/os'] ?? 'linux'
    if (os !== 'linux') {
      const why = `pod resize is only supported on linux nodes, node "${name}" is "${os}"`
      throw refused(request, { why, reason: 'UnsupportedPlatform' })
    }
    const excess = [...excessOf(pods.next.spec, node.status?.allocatable)]
    if (excess.length === 0) return
    const why = `node didn't have enough allocatable resources: ${excess.join('; ')}`
    throw refused(request, { why, reason: 'NodeCapacity' })
  },
}

function resizesPod(next: PodSpec, old: PodSpec): boolean {
  return !isSemanticallyEqual(next.resources, old.resources)
}

function resizesInitContainers(next: PodSpec, old: PodSpec): boolean {
  const others = next.initContainers ?? []
  return (old.initContainers ?? []).some(
    ({ restartPolicy, resources }, index) =>
      restartPolicy !== 'Always' && !isSemanticallyEqual(resources, others[index]?.resources),
  )
}

/** Both states of a pod that a node has, where the spec changes. */
function boundPods(
  request: AdmissionRequest,
  targets: readonly string[],
): { readonly next: Pod; readonly old: Pod } | undefined {
  const { object, old } = request
  const isJudged = request.operation === 'UPDATE' && targets.includes(targetOf(request))
  if (!isJudged || !object || !old) return undefined
  const pods = { next: object as unknown as Pod, old: old as unknown as Pod }
  const isBound = (pods.next.spec?.nodeName ?? '') !== ''
  return isBound && object['spec'] !== old['spec'] ? pods : undefined
}

function nodeOf({ spec }: Pod, request: AdmissionRequest, { store }: AdmissionContext): Node {
  const name = spec.nodeName ?? ''
  const node = storedObject<Node>(store, 'nodes', { namespace: '', name })
  if (node) return node
  throw forbid(request, `node "${name}" not found`)
}

function* excessOf(spec: PodSpec, allocatable: ResourceList | undefined): Iterable<string> {
  const [wanted, has] = [podResourcesWithOverhead(spec, 'requests'), amountsOf(allocatable)]
  const units: readonly (readonly [string, (amount: Quantity) => bigint])[] = [
    ['cpu', milliUnits],
    ['memory', wholeUnits],
  ]
  for (const [name, inUnits] of units) {
    const [requested, limit] = [wanted.get(name) ?? zero, has.get(name) ?? zero]
    if (compare(requested, limit) <= 0) continue
    yield `${name}, requested: ${inUnits(requested)}, allocatable: ${inUnits(limit)}`
  }
}

function refused(
  request: AdmissionRequest,
  { why, reason }: { readonly why: string; readonly reason: string },
): StatusError {
  return forbidBecause(request, why, { reason })
}
