// SPDX-License-Identifier: Apache-2.0
// Judges what a status update says: nothing that has ended runs again against the pod's will,
// addresses are sound, and what the server computes is left alone.
import type {
  Container,
  ContainerStatus,
  Pod,
  PodSpec,
  PodStatus,
} from '../../../kube/types.gen.ts'
import { forbiddenField, invalidValue, type FieldError } from '../../objects/field-error.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { isDualStack, validateIp } from '../meta/validate-ip.ts'
import { isImmutable, validateDnsSubdomain } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { mayContainerRestart, mayRestartAll } from './container-restart.ts'
import { validatePodAnnotationsUpdate } from './validate-pod-annotations.ts'

export function* validatePodStatus(next: Pod, old: Pod): Iterable<FieldError> {
  yield* validatePodAnnotationsUpdate(
    next.metadata.annotations,
    old.metadata.annotations,
    'metadata.annotations',
  )
  const after = next.status ?? {}
  const before = old.status ?? {}
  yield* validateConditions(after)
  yield* validateNomination(after, before, old.spec)
  if ((after.observedGeneration ?? 0) < 0) {
    const why = 'must be a non-negative integer'
    yield invalidValue('status.observedGeneration', after.observedGeneration, why)
  }
  if (textOf(after.qosClass) !== textOf(before.qosClass)) {
    yield invalidValue('status.qosClass', textOf(after.qosClass), isImmutable)
  }
  yield* validateTransitions(after, before, old.spec)
  yield* validateClaimStatuses(after, next.spec)
  yield* validatePodIps(after, before)
  yield* validateHostIps(after, before)
}

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized'])

function* validateConditions({ conditions }: PodStatus): Iterable<FieldError> {
  for (const [index, condition] of listOf(conditions).entries()) {
    const path = `status.conditions[${index}]`
    const observed = condition.observedGeneration ?? 0
    if (observed < 0) {
      yield invalidValue(`${path}.observedGeneration`, observed, 'must be a non-negative integer')
    }
    const type = textOf(condition.type)
    if (systemConditions.has(type)) continue
    for (const fault of qualifiedNameFaults(type)) yield invalidValue(`${path}.Type`, type, fault)
  }
}

function* validateNomination(next: PodStatus, old: PodStatus, spec: PodSpec): Iterable<FieldError> {
  const name = textOf(next.nominatedNodeName)
  if (name === '' || name === textOf(old.nominatedNodeName)) return
  yield* validateDnsSubdomain(name, 'status.nominatedNodeName')
  if (textOf(spec.nodeName) === '') return
  const why = 'may not be set on pods that are already bound to a node'
  yield forbiddenField('status.nominatedNodeName', why)
}

function* validateTransitions(
  next: PodStatus,
  old: PodStatus,
  spec: PodSpec,
): Iterable<FieldError> {
  if (!mayRestartAll(spec)) {
    for (const [field, containers] of [
      ['containerStatuses', spec.containers],
      ['initContainerStatuses', spec.initContainers],
    ] as const) {
      const may = (name: string, exitCode: number): boolean => {
        const container = listOf<Container>(containers).find((one) => one.name === name)
        return container !== undefined && mayContainerRestart(container, spec, exitCode)
      }
      yield* validateRestarts(listOf(next[field]), listOf(old[field]), { field, may })
    }
  }
  const field = 'ephemeralContainerStatuses'
  yield* validateRestarts(listOf(next[field]), listOf(old[field]), { field, may: () => false })
}

function* validateRestarts(
  next: readonly ContainerStatus[],
  old: readonly ContainerStatus[],
  rule: { readonly field: string; readonly may: (name: string, exitCode: number) => boolean },
): Iterable<FieldError> {
  if (next === old) return
  for (const [index, before] of old.entries()) {
    const ended = before.state?.terminated
    if (isMissing(ended)) continue
    const after = next.find(({ name }) => name === before.name)
    if (after === undefined || !isMissing(after.state?.terminated)) continue
    if (rule.may(before.name, ended.exitCode)) continue
    const path = `status.${rule.field}[${index}].state`
    yield forbiddenField(path, 'may not be transitioned to non-terminated state')
  }
}

function* validateClaimStatuses(status: PodStatus, spec: PodSpec): Iterable<FieldError> {
  const claims = new Set(listOf(spec.resourceClaims).map(({ name }) => name))
  for (const [index, { name }] of listOf(status.resourceClaimStatuses).entries()) {
    if (claims.has(name)) continue
    const why = 'must match the name of an entry in `spec.resourceClaims`'
    yield invalidValue(`status.resourceClaimStatuses[${index}].name`, name, why)
  }
}

function* validatePodIps(next: PodStatus, old: PodStatus): Iterable<FieldError> {
  if (next.podIPs === old.podIPs) return
  yield* validateIps(ipsOf(next.podIPs), ipsOf(old.podIPs), 'podIPs')
}

function* validateHostIps(next: PodStatus, old: PodStatus): Iterable<FieldError> {
  const ips = ipsOf(next.hostIPs)
  const [first] = ips
  if (first === undefined) return
  if (textOf(next.hostIP) !== first) {
    yield invalidValue('status.hostIPs[0].ip', first, 'must be equal to `hostIP`')
  }
  if (next.hostIPs !== old.hostIPs) yield* validateIps(ips, ipsOf(old.hostIPs), 'hostIPs')
}

function ipsOf(list: readonly { readonly ip?: string }[] | undefined): readonly string[] {
  return listOf(list).map(({ ip }) => textOf(ip))
}

function* validateIps(
  ips: readonly string[],
  known: readonly string[],
  field: string,
): Iterable<FieldError> {
  const path = `status.${field}`
  for (const [index, ip] of ips.entries()) yield* validateIp(ip, `${path}[${index}]`, known)
  if (ips.length < 2 || isDualStack(ips)) return
  const shown = ips.map((ip) => ({ IP: ip }))
  yield invalidValue(path, shown, 'may specify no more than one IP for each IP family')
}
