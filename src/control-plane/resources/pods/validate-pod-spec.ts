// SPDX-License-Identifier: Apache-2.0
// Judges a pod's spec, in a pod or in the template of a workload, in the order of the API server.
import type {
  ObjectMeta,
  PodResourceClaim,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
  type FieldError,
} from '../../objects/field-error.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { validateAnnotations, validateLabels } from '../meta/validate-labels.ts'
import {
  maxInt32,
  validateDnsLabel,
  validateDnsSubdomain,
  validateOneOf,
  validateRange,
} from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import type { ContainerRules } from './container-rules.ts'
import {
  validateContainers,
  validateEphemeralContainers,
  validateFileReferences,
  validateInitContainers,
} from './validate-container.ts'
import { validatePodAnnotations } from './validate-pod-annotations.ts'
import { validateHostAliases, validateHostNetwork, validatePodDns } from './validate-pod-network.ts'
import { validateContainerResources, validatePodResources } from './validate-resources.ts'
import { validateAffinity, validateSpread, validateTolerations } from './validate-scheduling.ts'
import { validateOperatingSystem, validatePodSecurity } from './validate-security.ts'
import { validateVolumes } from './validate-volumes.ts'

/** `metadata` is the pod's; without it the spec is that of a template. */
export function* validatePodSpec(
  spec: PodSpec,
  path: string,
  metadata?: ObjectMeta,
): Iterable<FieldError> {
  const isPod = metadata !== undefined
  if (isMissing(spec.terminationGracePeriodSeconds)) {
    yield required(`${path}.terminationGracePeriodSeconds`)
  }
  const wellFormed = new Map<string, Volume>()
  yield* validateVolumes(spec.volumes, `${path}.volumes`, { isPod, metadata, wellFormed })
  const claims = listOf(spec.resourceClaims)
  const claimNames = new Set(claims.map(({ name }) => textOf(name)))
  const rules: ContainerRules = { isPod, spec, volumes: wellFormed, claimNames }
  if (claims.length > 0) yield* validateClaims(spec, `${path}.resourceClaims`)
  yield* validateContainers(`${path}.containers`, rules)
  yield* validateInitContainers(`${path}.initContainers`, rules)
  yield* validateEphemeralContainers(`${path}.ephemeralContainers`, rules)
  yield* validatePodResources(spec, `${path}.resources`)
  yield* validateHostNetwork(spec, path, isPod)
  yield* validatePolicies(spec, path)
  yield* validatePodSecurity(spec, `${path}.securityContext`)
  yield* validatePlacement(spec, path)
  yield* validateIdentity(spec, path)
  yield* validateExtras(spec, path)
  yield* validateFileReferences(path, rules)
}

/** Judges a template: what its pods will carry, and their spec. */
export function* validatePodTemplate(
  template: PodTemplateSpec,
  path: string,
): Iterable<FieldError> {
  const { metadata, spec } = template
  yield* validateLabels(metadata?.labels, `${path}.labels`)
  yield* validateAnnotations(metadata?.annotations, `${path}.annotations`)
  const podSpec = isRecord(spec) ? spec : { containers: [] }
  yield* validatePodAnnotations(metadata?.annotations, podSpec, `${path}.annotations`)
  yield* validatePodSpec(podSpec, `${path}.spec`)
  if (listOf(podSpec.ephemeralContainers).length === 0) return
  const why = 'ephemeral containers not allowed in pod template'
  yield forbiddenField(`${path}.spec.ephemeralContainers`, why)
}

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']

function* validatePolicies(spec: PodSpec, path: string): Iterable<FieldError> {
  yield* validateOneOf(spec.restartPolicy, `${path}.restartPolicy`, {
    supported: ['Always', 'OnFailure', 'Never'],
    requires: true,
  })
  yield* validateOneOf(spec.dnsPolicy, `${path}.dnsPolicy`, {
    supported: dnsPolicies,
    requires: true,
  })
  if (spec.nodeSelector !== undefined) {
    yield* validateLabels(spec.nodeSelector, `${path}.nodeSelector`)
  }
}

function* validatePlacement(spec: PodSpec, path: string): Iterable<FieldError> {
  if (isRecord(spec.affinity)) yield* validateAffinity(spec.affinity, `${path}.affinity`)
  yield* validatePodDns(spec, `${path}.dnsConfig`)
  for (const [index, gate] of listOf(spec.readinessGates).entries()) {
    const type = textOf(gate.conditionType)
    for (const fault of qualifiedNameFaults(type)) {
      yield invalidValue(`${path}.readinessGates[${index}].conditionType`, type, fault)
    }
  }
  const seen = new Set<string>()
  for (const [index, gate] of listOf(spec.schedulingGates).entries()) {
    const at = `${path}.schedulingGates[${index}]`
    const name = textOf(gate.name)
    for (const fault of qualifiedNameFaults(name)) yield invalidValue(at, name, fault)
    if (seen.has(name)) yield duplicate(at, name)
    seen.add(name)
  }
  if (spec.topologySpreadConstraints !== undefined) {
    yield* validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`)
  }
}

function* validateIdentity(spec: PodSpec, path: string): Iterable<FieldError> {
  if (spec.hostUsers === false) {
    const why = 'when `hostUsers` is false'
    if (spec.hostNetwork === true) yield forbiddenField(`${path}.hostNetwork`, why)
    if (spec.hostPID === true) yield forbiddenField(`${path}.HostPID`, why)
    if (spec.hostIPC === true) yield forbiddenField(`${path}.HostIPC`, why)
  }
  yield* validateHostname(spec, path)
  yield* validateName(spec.serviceAccountName, `${path}.serviceAccountName`)
  yield* validateName(spec.nodeName, `${path}.nodeName`)
  yield* validateRange(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`, {
    min: 1,
    max: maxInt32,
  })
  for (const field of ['hostname', 'subdomain'] as const) {
    const text = textOf(spec[field])
    if (text !== '') yield* validateDnsLabel(text, `${path}.${field}`)
  }
}

function* validateName(name: string | undefined, path: string): Iterable<FieldError> {
  const text = textOf(name)
  if (text !== '') yield* validateDnsSubdomain(text, path)
}

function* validateHostname(spec: PodSpec, path: string): Iterable<FieldError> {
  const override = spec.hostnameOverride
  if (isMissing(override)) return
  const at = `${path}.hostnameOverride`
  if (spec.setHostnameAsFQDN === true) {
    yield forbiddenField(at, 'may not be specified when setHostnameAsFQDN is true')
  }
  if (spec.hostNetwork === true) {
    yield forbiddenField(at, 'may not be specified when hostNetwork is true')
  }
  if (override.length > 64) yield tooLong(at, 64)
  yield* validateDnsSubdomain(textOf(override), at)
}

function* validateExtras(spec: PodSpec, path: string): Iterable<FieldError> {
  if (spec.tolerations !== undefined) {
    yield* validateTolerations(spec.tolerations, `${path}.tolerations`)
  }
  if (spec.hostAliases !== undefined) {
    yield* validateHostAliases(spec.hostAliases, `${path}.hostAliases`)
  }
  yield* validateName(spec.priorityClassName, `${path}.priorityClassName`)
  if (!isMissing(spec.runtimeClassName)) {
    yield* validateDnsSubdomain(textOf(spec.runtimeClassName), `${path}.runtimeClassName`)
  }
  if (!isMissing(spec.preemptionPolicy)) {
    yield* validateOneOf(spec.preemptionPolicy, `${path}.preemptionPolicy`, {
      supported: ['PreemptLowerPriority', 'Never'],
      requires: true,
    })
  }
  if (spec.overhead !== undefined) {
    const resources = { limits: spec.overhead }
    yield* validateContainerResources(resources, `${path}.overhead`, new Set())
  }
  yield* validateOperatingSystem(spec, path)
}

function* validateClaims(spec: PodSpec, path: string): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, claim] of listOf(spec.resourceClaims).entries()) {
    const at = `${path}[${index}]`
    const name = textOf(claim.name)
    if (name === '') yield required(`${at}.name`)
    else if (seen.has(name)) yield duplicate(`${at}.name`, name)
    else {
      yield* validateDnsLabel(name, `${at}.name`)
      seen.add(name)
    }
    const { resourceClaimName, resourceClaimTemplateName } = claim
    if (!isMissing(resourceClaimName) && !isMissing(resourceClaimTemplateName)) {
      const why =
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'
      yield invalidValue(at, internalForm(claim), why)
    }
    if (isMissing(resourceClaimName) && isMissing(resourceClaimTemplateName)) {
      const why = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
      yield invalidValue(at, internalForm(claim), why)
    }
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      if (!isMissing(claim[field]))
        yield* validateDnsSubdomain(textOf(claim[field]), `${at}.${field}`)
    }
  }
}

/** Messages show a claim with the names that the API server has inside. */
function internalForm(claim: PodResourceClaim): unknown {
  return {
    Name: textOf(claim.name),
    ResourceClaimName: claim.resourceClaimName ?? null,
    ResourceClaimTemplateName: claim.resourceClaimTemplateName ?? null,
  }
}
