// SPDX-License-Identifier: Apache-2.0
// What users are warned of when they create a pod or a template: legal, and most likely not meant.
import type {
  Affinity,
  Container,
  ContainerPort,
  NodeSelectorTerm,
  ObjectMeta,
  PodSpec,
  Volume,
} from '../../../kube/types.gen.ts'
import { nanosOf } from '../canonical-quantity.ts'
import { deprecatedNodeLabel } from '../meta/deprecated-labels.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'

/** `path` stands before the fields: '' for a pod, `spec.template.` for a template. */
export function* podWarnings(
  spec: PodSpec,
  metadata: ObjectMeta | undefined,
  path = '',
): Iterable<string> {
  yield* placementWarnings(spec, path)
  for (const [key, why] of deprecatedAnnotations) {
    if (metadata?.annotations?.[key] !== undefined) {
      yield `${path}metadata.annotations[${key}]: ${why}`
    }
  }
  if (spec.volumes !== undefined) yield* volumeWarnings(spec.volumes, path)
  yield* duplicateWarnings(spec, path)
  yield* containerWarnings(spec, path)
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const why = 'must be >= 0; negative values are invalid and will be treated as 1'
    yield `${path}spec.terminationGracePeriodSeconds: ${why}`
  }
  if (!isMissing(spec.affinity)) yield* affinityWarnings(spec.affinity, `${path}spec.affinity`)
}

const sysctlsField = 'non-functional in v1.11+; use the "sysctls" field instead'
const deprecatedAnnotations: readonly (readonly [string, string])[] = [
  [
    'scheduler.alpha.kubernetes.io/critical-pod',
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  ['security.alpha.kubernetes.io/sysctls', sysctlsField],
  ['security.alpha.kubernetes.io/unsafe-sysctls', sysctlsField],
]
const nullSelector = 'a null labelSelector results in matching no pod'

function* placementWarnings(spec: PodSpec, path: string): Iterable<string> {
  for (const key in mapOf(spec.nodeSelector)) {
    const why = deprecatedNodeLabel(key)
    if (why !== undefined) yield `${path}spec.nodeSelector[${key}]: ${why}`
  }
  const nodes = spec.affinity?.nodeAffinity
  const needed = listOf(nodes?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms)
  const base = `${path}spec.affinity.nodeAffinity`
  for (const [index, term] of needed.entries()) {
    const at = `${base}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`
    yield* termWarnings(term, at)
  }
  const preferred = listOf(nodes?.preferredDuringSchedulingIgnoredDuringExecution)
  for (const [index, term] of preferred.entries()) {
    const at = `${base}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`
    yield* termWarnings(term.preference, at)
  }
  for (const [index, constraint] of listOf(spec.topologySpreadConstraints).entries()) {
    const at = `${path}spec.topologySpreadConstraints[${index}]`
    const key = textOf(constraint.topologyKey)
    const why = deprecatedNodeLabel(key)
    if (why !== undefined) yield `${at}.topologyKey: ${key} is ${why}`
    if (isMissing(constraint.labelSelector)) yield `${at}.labelSelector: ${nullSelector}`
  }
}

function* termWarnings(term: NodeSelectorTerm | undefined, path: string): Iterable<string> {
  for (const [index, { key }] of listOf(term?.matchExpressions).entries()) {
    const why = deprecatedNodeLabel(textOf(key))
    if (why !== undefined) yield `${path}.matchExpressions[${index}].key: ${key} is ${why}`
  }
}

const deprecatedVolumes: readonly (readonly [keyof Volume, string, string])[] = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

function* volumeWarnings(volumes: readonly Volume[], path: string): Iterable<string> {
  for (const [index, volume] of listOf(volumes).entries()) {
    for (const [field, shown, why] of deprecatedVolumes) {
      if (!isMissing(volume[field])) yield `${path}spec.volumes[${index}].${shown}: ${why}`
    }
  }
}

function* duplicateWarnings(spec: PodSpec, path: string): Iterable<string> {
  const ips = new Set<string>()
  for (const [index, { ip }] of listOf(spec.hostAliases).entries()) {
    if (ips.has(ip))
      yield `${path}spec.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`
    ips.add(ip)
  }
  const names = new Set<string>()
  const secrets = listOf(spec.imagePullSecrets)
  for (const [index, { name = '' }] of secrets.entries()) {
    const at = `${path}spec.imagePullSecrets[${index}].name`
    if (names.has(name)) yield `${at}: duplicate name ${JSON.stringify(name)}`
    names.add(name)
  }
  for (const [index, { name }] of secrets.entries()) {
    if (textOf(name) !== '') continue
    yield `${path}spec.imagePullSecrets[${index}].name: invalid empty name ""`
  }
}

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const

interface Placed<T> {
  readonly at: string
  readonly item: T
}

function* containerWarnings(spec: PodSpec, path: string): Iterable<string> {
  const placed: Placed<Container>[] = []
  for (const list of containerLists) {
    for (const [index, item] of listOf<Container>(spec[list]).entries()) {
      placed.push({ at: `${path}spec.${list}[${index}]`, item })
    }
  }
  for (const { at, item } of placed) {
    yield* fractionWarnings(item, at)
    yield* hiddenVariables(item, at)
  }
  if (placed.some(({ item }) => item.ports !== undefined)) yield* portWarnings(placed)
}

function* fractionWarnings(container: Container, path: string): Iterable<string> {
  if (isMissing(container.resources)) return
  for (const name of ['memory', 'ephemeral-storage']) {
    for (const side of ['limits', 'requests'] as const) {
      const text = mapOf(container.resources[side])[name]
      const nanos = nanosOf(text)
      if (nanos === undefined || nanos % 1_000_000_000n === 0n) continue
      const why = `fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`
      yield `${path}.resources.${side}[${name}]: ${why}`
    }
  }
}

function* hiddenVariables(container: Container, path: string): Iterable<string> {
  const variables = listOf(container.env)
  if (variables.length < 2) return
  const seen = new Set<string>()
  for (const [index, { name, value, valueFrom }] of variables.entries()) {
    if (!seen.has(name)) {
      seen.add(name)
      continue
    }
    const reference = `$(${name})`
    const isExtended = textOf(value).includes(reference) && value !== reference
    if (isExtended && isMissing(valueFrom)) continue
    const why = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`
    yield `${path}.env[${index}]: ${why}`
  }
}

function* portWarnings(containers: readonly Placed<Container>[]): Iterable<string> {
  const ports = containers.flatMap(({ at, item }) =>
    listOf(item.ports).map((port, index) => ({ at: `${at}.ports[${index}]`, item: port })),
  )
  for (const [index, { at, item }] of ports.entries()) {
    for (const other of ports.slice(0, index)) {
      const overlap = overlapOf(item, other.item)
      if (overlap !== undefined) yield `${at}: ${overlap} port definition with ${other.at}`
    }
  }
  const names = new Map<string, string>()
  for (const { at, item } of ports) {
    const name = textOf(item.name)
    if (name === '') continue
    const first = names.get(name)
    if (first === undefined) names.set(name, at)
    else {
      const why = `duplicate port name ${JSON.stringify(name)} with ${first}, services and probes that select ports by name will use ${first}`
      yield `${at}: ${why}`
    }
  }
}

function overlapOf(port: ContainerPort, other: ContainerPort): string | undefined {
  if (port.containerPort !== other.containerPort || port.protocol !== other.protocol)
    return undefined
  const [ip, otherIp] = [textOf(port.hostIP), textOf(other.hostIP)]
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0]
  if (ip === otherIp && host === otherHost) return 'duplicate'
  if (host === 0 || otherHost === 0) return 'overlapping'
  const isOneAny = (ip === '') !== (otherIp === '')
  return host === otherHost && isOneAny ? 'dangerously ambiguous' : undefined
}

function* affinityWarnings(affinity: Affinity, path: string): Iterable<string> {
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms = affinity[kind]
    const needed = listOf(terms?.requiredDuringSchedulingIgnoredDuringExecution)
    for (const [index, term] of needed.entries()) {
      if (!isMissing(term.labelSelector)) continue
      const at = `${path}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`
      yield `${at}.labelSelector: ${nullSelector}`
    }
    const preferred = listOf(terms?.preferredDuringSchedulingIgnoredDuringExecution)
    for (const [index, term] of preferred.entries()) {
      if (!isMissing(term.podAffinityTerm?.labelSelector)) continue
      const at = `${path}.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      yield `${at}.podAffinityTerm.labelSelector: ${nullSelector}`
    }
  }
}
