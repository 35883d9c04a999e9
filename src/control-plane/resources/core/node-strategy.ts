// SPDX-License-Identifier: Apache-2.0
// Nodes: taints, what they offer, and what never changes about them.
import type { Node, NodeSpec, NodeStatus, Taint } from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { canonicalAmounts } from '../canonical-quantity.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { labelValueFaults } from '../meta/name-rules.ts'
import { validateCidr } from '../meta/validate-ip.ts'
import { validateAmount } from '../meta/resource-names.ts'
import { validateLabelKey } from '../meta/validate-labels.ts'
import { taintEffects } from '../pods/validate-scheduling.ts'
import { isMissing, isRecord, listOf, mapOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { mapField, withDefaults, withField } from '../share-structure.ts'

export const nodeStrategy: Strategy = genericStrategy({
  applyDefaults: (object) => {
    const complete = withDefaults<KubeObject>(object, { spec: {}, status: {} })
    return isRecord(complete['status'])
      ? withField(complete, 'status', defaultStatus(complete['status'] as NodeStatus))
      : complete
  },
  validate: (object) => {
    const node = asKind<Node>(object)
    return [
      ...validateNetworks(node.spec ?? {}),
      ...validateTaints(node.spec?.taints),
      ...validateStatus(node.status),
    ]
  },
  validateUpdate: (next, old) => validateUpdate(asKind<Node>(next), asKind<Node>(old)),
})

const infoFields = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
] as const
const noInfo = Object.fromEntries(infoFields.map((field) => [field, ''])) as unknown as NonNullable<
  NodeStatus['nodeInfo']
>
const noEndpoint = { kubeletEndpoint: { Port: 0 } }

/** What can be used is what there is, unless the node says otherwise. */
function defaultStatus(status: NodeStatus): NodeStatus {
  let result = withField(status, 'capacity', canonicalAmounts(status.capacity))
  result = withField(result, 'allocatable', canonicalAmounts(result.allocatable))
  if (result.allocatable === undefined && result.capacity !== undefined) {
    result = { ...result, allocatable: result.capacity }
  }
  const complete = withDefaults(result, { daemonEndpoints: noEndpoint, nodeInfo: noInfo })
  return mapField(complete, 'nodeInfo', (info) => {
    const isComplete = infoFields.every((field) => info[field] !== undefined)
    return isComplete ? info : { ...noInfo, ...info }
  })
}

/** The fields are named as the API server names them, whose paths here are not those of the object. */
function* validateTaints(taints: readonly Taint[] | undefined): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, taint] of listOf(taints).entries()) {
    const path = `metadata.taints[${index}]`
    const key = textOf(taint.key)
    const value = textOf(taint.value)
    const effect = textOf(taint.effect)
    yield* validateLabelKey(key, `${path}.key`)
    const faults = labelValueFaults(value)
    if (faults.length > 0) yield invalidValue(`${path}.value`, value, faults.join(';'))
    if (effect === '') yield required(`${path}.effect`)
    else if (!taintEffects.includes(effect)) {
      yield notSupported(`${path}.effect`, effect, taintEffects)
    }
    if (seen.has(`${key}:${effect}`)) {
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: taint.timeAdded ?? null }
      const fault = duplicate(path, shown)
      const why = 'taints must be unique by key and effect pair'
      yield { ...fault, message: `${fault.message}: ${why}` }
    }
    seen.add(`${key}:${effect}`)
  }
}

function* validateStatus(status: NodeStatus | undefined): Iterable<FieldError> {
  for (const field of ['capacity', 'allocatable'] as const) {
    const amounts = mapOf(status?.[field])
    for (const name in amounts) {
      yield* validateAmount(name, amounts[name] as string, `status.${field}.${name}`)
    }
  }
  yield* validateFeatures(listOf(status?.declaredFeatures))
}

const featureForm = /^[A-Z][a-zA-Z0-9]*(?:\/[a-zA-Z][a-zA-Z0-9]*)*$/

function* validateFeatures(features: readonly string[]): Iterable<FieldError> {
  for (const [index, feature] of features.entries()) {
    const path = `status.declaredFeatures[${index}]`
    if (!featureForm.test(feature)) {
      const why = `invalid feature name ${JSON.stringify(feature)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`
      yield invalidValue(path, feature, why)
    }
    const before = features[index - 1]
    if (before === feature) yield duplicate(path, feature)
    else if (before !== undefined && before > feature) {
      yield invalidValue(path, feature, 'list must be sorted alphabetically')
    }
  }
}

function* validateUpdate(next: Node, old: Node): Iterable<FieldError> {
  if (next.status !== old.status) {
    yield* validateStatus(next.status)
    yield* validateAddresses(next.status)
  }
  if (next.spec !== old.spec) yield* validateNetworks(next.spec ?? {})
  yield* validateIdentity(next.spec ?? {}, old.spec ?? {})
  if (next.spec?.taints !== old.spec?.taints) yield* validateTaints(next.spec?.taints)
}

function* validateAddresses(status: NodeStatus | undefined): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, { address, type }] of listOf(status?.addresses).entries()) {
    const key = `${type} ${address}`
    if (seen.has(key)) {
      yield duplicate(`status.addresses[${index}]`, { Type: type, Address: address })
    }
    seen.add(key)
  }
}

function* validateNetworks(spec: NodeSpec): Iterable<FieldError> {
  for (const [index, cidr] of podNetworks(spec).entries()) {
    yield* validateCidr(cidr, `spec.podCIDRs[${index}]`)
  }
}

/** The older field counts where it says something else than the first of the list. */
function podNetworks({ podCIDR, podCIDRs }: NodeSpec): readonly string[] {
  const first = textOf(podCIDR)
  const list = listOf(podCIDRs)
  return first === '' || first === list[0] ? list : [first]
}

function* validateIdentity(next: NodeSpec, old: NodeSpec): Iterable<FieldError> {
  const before = podNetworks(old)
  const after = podNetworks(next)
  const isSame = before.every((cidr, index) => cidr === after[index])
  if (before.length > 0 && (before.length !== after.length || !isSame)) {
    const why = 'node updates may not change podCIDR except from "" to valid'
    yield forbiddenField('spec.podCIDRs', why)
  }
  if (textOf(old.providerID) !== '' && old.providerID !== next.providerID) {
    const why = 'node updates may not change providerID except from "" to valid'
    yield forbiddenField('spec.providerID', why)
  }
  if (!isMissing(next.externalID) && next.externalID !== old.externalID) {
    yield forbiddenField('spec.externalID', 'may not be updated')
  }
}
