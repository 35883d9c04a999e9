// SPDX-License-Identifier: Apache-2.0
// Judges containers: what all have in common, and what sets regular, init and ephemeral ones apart.
import type {
  Container,
  ContainerPort,
  ContainerResizePolicy,
  EphemeralContainer,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from '../../objects/field-error.ts'
import { portNameFaults, validateDnsLabel, validatePort } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import type { ContainerRules } from './container-rules.ts'
import { validateEnv, validateEnvFrom } from './validate-env.ts'
import { validateDevices, validateMounts } from './validate-mounts.ts'
import { validateProbesAndHooks } from './validate-probes.ts'
import { validateContainerResources } from './validate-resources.ts'
import { validateContainerSecurity } from './validate-security.ts'

export function* validateContainers(path: string, rules: ContainerRules): Iterable<FieldError> {
  const containers = listOf(rules.spec.containers)
  if (containers.length === 0) {
    yield required(path)
    return
  }
  const names = new Set<string>()
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`
    yield* validateCommon(container, at, rules)
    if (names.has(container.name)) yield duplicate(`${at}.name`, textOf(container.name))
    names.add(container.name)
    yield* validateProbesAndHooks(container, at, rules)
    yield* validateRestartRules(container, at)
  }
  yield* validateHostPorts(containers, path)
}

const onlySidecars = 'may not be set for init containers without restartPolicy=Always'

export function* validateInitContainers(path: string, rules: ContainerRules): Iterable<FieldError> {
  const names = new Set(listOf(rules.spec.containers).map(({ name }) => name))
  for (const [index, container] of listOf(rules.spec.initContainers).entries()) {
    const at = `${path}[${index}]`
    const isSidecar = container.restartPolicy === 'Always'
    yield* validateCommon(container, at, rules)
    yield* validateRestartRules(container, at)
    if (names.has(container.name)) yield duplicate(`${at}.name`, textOf(container.name))
    else if (textOf(container.name) !== '') names.add(container.name)
    yield* validateHostPorts([container], path)
    if (isSidecar) {
      yield* validateProbesAndHooks(container, at, rules)
      continue
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (!isMissing(container[field])) yield forbiddenField(`${at}.${field}`, onlySidecars)
    }
    for (const [position, policy] of listOf(container.resizePolicy).entries()) {
      if (policy.restartPolicy !== 'RestartContainer') continue
      const why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
      yield invalidValue(`${at}.resizePolicy[${position}].restartPolicy`, policy.restartPolicy, why)
    }
  }
}

const notForEphemeral = 'cannot be set for an Ephemeral Container'
const forbiddenForEphemeral = (
  'ports resources livenessProbe readinessProbe startupProbe lifecycle ' +
  'restartPolicy restartPolicyRules resizePolicy'
).split(' ') as (keyof EphemeralContainer)[]

export function* validateEphemeralContainers(
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  const { spec } = rules
  const ephemeral = listOf(spec.ephemeralContainers)
  if (ephemeral.length === 0) return
  const others = [...listOf(spec.containers), ...listOf(spec.initContainers)]
  const targets = new Set(others.map(({ name }) => name))
  const names = new Set(targets)
  for (const [index, container] of ephemeral.entries()) {
    const at = `${path}[${index}]`
    yield* validateCommon(container, at, rules)
    yield* validateImage(container, at)
    if (names.has(container.name)) yield duplicate(`${at}.name`, textOf(container.name))
    else names.add(container.name)
    const target = textOf(container.targetContainerName)
    if (target !== '' && !targets.has(target)) {
      yield notFoundValue(`${at}.targetContainerName`, target)
    }
    for (const field of forbiddenForEphemeral) {
      if (!isUnset(container[field])) yield forbiddenField(`${at}.${field}`, notForEphemeral)
    }
    for (const [position, mount] of listOf(container.volumeMounts).entries()) {
      for (const field of ['subPath', 'subPathExpr'] as const) {
        if (textOf(mount[field]) === '') continue
        yield forbiddenField(`${at}.volumeMounts[${position}].${field}`, notForEphemeral)
      }
    }
  }
}

/** A pod's image names have no spaces around them. */
export function* validateImage(
  { image }: { readonly image?: string },
  path: string,
): Iterable<FieldError> {
  const text = textOf(image)
  if (text === text.trim()) return
  yield invalidValue(`${path}.image`, text, 'must not have leading or trailing whitespace')
}

function isUnset(value: unknown): boolean {
  if (isMissing(value) || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

const messagePolicies = ['File', 'FallbackToLogsOnError']
const pullPolicies = ['Always', 'IfNotPresent', 'Never']

function* validateCommon(
  container: Container | EphemeralContainer,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  const name = textOf(container.name)
  if (name === '') yield required(`${path}.name`)
  else yield* validateDnsLabel(name, `${path}.name`)
  if (textOf(container.image) === '') yield required(`${path}.image`)
  const policy = textOf(container.terminationMessagePolicy)
  if (policy === '') yield required(`${path}.terminationMessagePolicy`)
  else if (!messagePolicies.includes(policy)) {
    yield notSupported(`${path}.terminationMessagePolicy`, policy, messagePolicies)
  }
  if (container.ports !== undefined) yield* validatePorts(container.ports, `${path}.ports`)
  if (container.env !== undefined) yield* validateEnv(container.env, `${path}.env`)
  if (container.envFrom !== undefined) yield* validateEnvFrom(container.envFrom, `${path}.envFrom`)
  if (container.volumeMounts !== undefined) {
    yield* validateMounts(container, `${path}.volumeMounts`, rules)
  }
  if (container.volumeDevices !== undefined) {
    yield* validateDevices(container, `${path}.volumeDevices`, rules)
  }
  const pullPolicy = textOf(container.imagePullPolicy)
  if (pullPolicy === '') yield required(`${path}.imagePullPolicy`)
  else if (!pullPolicies.includes(pullPolicy)) {
    yield notSupported(`${path}.imagePullPolicy`, pullPolicy, pullPolicies)
  }
  yield* validateContainerResources(container.resources, `${path}.resources`, rules.claimNames)
  if (container.resizePolicy !== undefined) {
    const never = rules.spec.restartPolicy === 'Never'
    yield* validateResizePolicy(container.resizePolicy, `${path}.resizePolicy`, never)
  }
  yield* validateContainerSecurity(container, `${path}.securityContext`, rules.spec)
}

const protocols = ['SCTP', 'TCP', 'UDP']

function* validatePorts(ports: readonly ContainerPort[], path: string): Iterable<FieldError> {
  const names = new Set<string>()
  for (const [index, port] of listOf(ports).entries()) {
    const at = `${path}[${index}]`
    const name = textOf(port.name)
    const faults = name === '' ? [] : portNameFaults(name)
    for (const fault of faults) yield invalidValue(`${at}.name`, name, fault)
    if (name !== '' && faults.length === 0) {
      if (names.has(name)) yield duplicate(`${at}.name`, name)
      names.add(name)
    }
    if (!port.containerPort) yield required(`${at}.containerPort`)
    else yield* validatePort(port.containerPort, `${at}.containerPort`)
    if (port.hostPort) yield* validatePort(port.hostPort, `${at}.hostPort`)
    const protocol = textOf(port.protocol)
    if (protocol === '') yield required(`${at}.protocol`)
    else if (!protocols.includes(protocol)) {
      yield notSupported(`${at}.protocol`, protocol, protocols)
    }
  }
}

function* validateHostPorts(containers: readonly Container[], path: string): Iterable<FieldError> {
  const taken = new Set<string>()
  for (const [index, container] of containers.entries()) {
    for (const [position, port] of listOf(container.ports).entries()) {
      if (!port.hostPort) continue
      const key = `${textOf(port.protocol)}/${textOf(port.hostIP)}/${port.hostPort}`
      if (taken.has(key)) yield duplicate(`${path}[${index}].ports[${position}].hostPort`, key)
      taken.add(key)
    }
  }
}

const resizable = ['cpu', 'memory']
const resizePolicies = ['NotRequired', 'RestartContainer']

function* validateResizePolicy(
  policies: readonly ContainerResizePolicy[],
  path: string,
  isNeverRestarted: boolean,
): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, policy] of listOf(policies).entries()) {
    const resource = textOf(policy.resourceName)
    const restart = textOf(policy.restartPolicy)
    if (seen.has(resource)) yield duplicate(`${path}[${index}]`, resource)
    seen.add(resource)
    if (resource === '') yield required(path)
    else if (!resizable.includes(resource)) yield notSupported(path, resource, resizable)
    if (restart === '') yield required(path)
    else if (!resizePolicies.includes(restart)) yield notSupported(path, restart, resizePolicies)
    if (isNeverRestarted && restart !== 'NotRequired') {
      yield invalidValue(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")
    }
  }
}

const restartPolicies = ['Always', 'Never', 'OnFailure']
const ruleActions = ['Restart', 'RestartAllContainers']
const ruleOperators = ['In', 'NotIn']

function* validateRestartRules(container: Container, path: string): Iterable<FieldError> {
  const { restartPolicy, restartPolicyRules } = container
  if (isMissing(restartPolicy) && isMissing(restartPolicyRules)) return
  const list = listOf(restartPolicyRules)
  if (isMissing(restartPolicy)) {
    if (list.length === 0) return
    const why = 'must specify restartPolicy when restart rules are used'
    yield required(`${path}.restartPolicy`, why)
  } else if (!restartPolicies.includes(restartPolicy)) {
    yield notSupported(`${path}.restartPolicy`, restartPolicy, restartPolicies)
  }
  if (list.length > 20) yield tooMany(`${path}.restartPolicyRules`, list.length, 20)
  for (const [index, { action, exitCodes }] of list.entries()) {
    const at = `${path}.restartPolicyRules[${index}]`
    if (!ruleActions.includes(action)) {
      yield notSupported(`${at}.action`, textOf(action), ruleActions)
    }
    if (isMissing(exitCodes)) {
      yield required(`${at}.exitCodes`, 'must be specified')
      continue
    }
    if (!ruleOperators.includes(exitCodes.operator)) {
      const operator = textOf(exitCodes.operator)
      yield notSupported(`${at}.exitCodes.operator`, operator, ruleOperators)
    }
    const count = listOf(exitCodes.values).length
    if (count > 255) yield tooMany(`${at}.exitCodes.values`, count, 255)
  }
}

/** Values that come from files need an empty directory to hold the files. */
export function* validateFileReferences(
  path: string,
  { spec }: ContainerRules,
): Iterable<FieldError> {
  const volumes = new Map(listOf(spec.volumes).map((volume) => [volume.name, volume]))
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of listOf(spec[list]).entries()) {
      for (const [position, { valueFrom }] of listOf(container.env).entries()) {
        const name = valueFrom?.fileKeyRef?.volumeName
        if (name === undefined) continue
        const at = `${path}.${list}[${index}].env[${position}].valueFrom.fileKeyRef.volumeName`
        const volume = volumes.get(name)
        if (volume === undefined) yield notFoundValue(at, name)
        else if (isMissing(volume.emptyDir)) {
          yield invalidValue(at, name, 'referenced volume must be of type emptyDir')
        }
      }
    }
  }
}
