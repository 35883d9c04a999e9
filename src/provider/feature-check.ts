// SPDX-License-Identifier: Apache-2.0
// Holds a pod against what a backend can do, so that nothing a user wrote is dropped without a word.
// A feature that is supported `only` within a limit counts as supported here: words cannot be checked, so
// the backend itself refuses what lies beyond.
import type { Container, Pod, PodSpec, Volume } from '../kube/types.gen.ts'
import {
  containerRules,
  containerSecurityRules,
  isFilled,
  podRules,
  podSecurityRules,
  sharedSecurityRules,
  type ContainerLike,
  type Rule,
} from './feature-rules.ts'
import { featureNames, type FeatureName, type Features } from './features.ts'

/** A field of a pod that a backend cannot honour. */
export interface UnsupportedField {
  /** Path in the pod, such as `spec.containers[1].livenessProbe.grpc`. */
  readonly field: string
  readonly feature: FeatureName
  /** Completes `<field>: `. */
  readonly why: string
}

const ownGroups =
  '(limits need control groups that the node may write; on most machines root has them)'

/** Where a user finds what has to be allowed first. */
const remedies: Readonly<Partial<Record<FeatureName, string>>> = {
  'resources.cpuLimit': ownGroups,
  'resources.memoryLimit': ownGroups,
  'volume.hostPath':
    '(where it can have host paths, hostPathPrefixes of its configuration allows them)',
}

interface Need {
  readonly field: string
  readonly feature: FeatureName
}

/**
 * Every field of the pod that needs a feature the table lacks; empty when the pod can run as written.
 * What lies inside a field that is listed already is not listed again. The service account volume that
 * admission adds is never among them; see `ignoredFields`.
 */
export function unsupportedFields(pod: Pod, features: Features): readonly UnsupportedField[] {
  const fields: UnsupportedField[] = []
  for (const { field, feature } of needsOf(pod, features)) {
    if (features[feature]) continue
    if (fields.some((outer) => isWithin(field, outer.field))) continue
    const remedy = remedies[feature]
    const why = `this provider does not support ${feature}${remedy === undefined ? '' : ` ${remedy}`}`
    fields.push({ field, feature, why })
  }
  return fields
}

/** Fields that no user wrote and that are left out without refusing the pod: one event tells of them. */
export function ignoredFields(pod: Pod, features: Features): readonly UnsupportedField[] {
  if (features.serviceAccountVolume) return []
  const why = 'its files lie in the directory that VK_SERVICEACCOUNT_DIR names'
  return (pod.spec.volumes ?? []).flatMap((volume, index) =>
    isServiceAccountVolume(pod, volume)
      ? [{ field: `spec.volumes[${index}]`, feature: 'serviceAccountVolume', why }]
      : [],
  )
}

/** The message of a pod's event and of its waiting containers; names every field. */
export function describeFields(fields: readonly Pick<UnsupportedField, 'field' | 'why'>[]): string {
  const sentences = new Map<string, string[]>()
  for (const { field, why } of fields) {
    const known = sentences.get(why)
    if (known) known.push(field)
    else sentences.set(why, [field])
  }
  return [...sentences].map(([why, names]) => `${names.join(', ')}: ${why}`).join('; ')
}

const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The volume with token, CA and namespace that admission adds to a pod and mounts at its known place.
 * Ephemeral containers have no say in that: what a volume is must not change under a pod that runs.
 */
export function isServiceAccountVolume({ spec }: Pod, { name, projected }: Volume): boolean {
  if (!projected || !name.startsWith('kube-api-access-')) return false
  const { containers, initContainers = [] } = spec
  return [...containers, ...initContainers].every(({ volumeMounts = [] }) =>
    volumeMounts.every((m) => m.name !== name || m.mountPath === serviceAccountPath),
  )
}

/** In the order in which a reader of the manifest would meet them, outer fields before inner ones. */
function* needsOf(pod: Pod, features: Features): Generator<Need> {
  const { spec } = pod
  yield* byRules('spec', { rules: podRules, object: spec })
  if (spec.hostname && spec.hostname !== pod.metadata.name) {
    yield { field: 'spec.hostname', feature: 'hostname' }
  }
  // The service account's credentials are copied into pods; no images, no use for them.
  if (features.images && isFilled(spec.imagePullSecrets)) {
    yield { field: 'spec.imagePullSecrets', feature: 'imagePullSecrets' }
  }
  const security = { object: spec.securityContext ?? {} }
  yield* byRules('spec.securityContext', { ...security, rules: sharedSecurityRules })
  yield* byRules('spec.securityContext', { ...security, rules: podSecurityRules })
  yield* volumeNeeds(pod)
  yield* initContainerNeeds(spec)
  for (const [index, container] of spec.containers.entries()) {
    const at = `spec.containers[${index}]`
    if (index > 0) yield { field: at, feature: 'multipleContainers' }
    if (container.restartPolicy) {
      yield { field: `${at}.restartPolicy`, feature: 'containerRestartRules' }
    }
    yield* containerNeeds(at, { container, spec })
  }
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = `spec.ephemeralContainers[${index}]`
    yield { field: at, feature: 'ephemeralContainers' }
    yield* containerNeeds(at, { container, spec })
    yield* strayAccountMounts(`${at}.volumeMounts`, { mounts: container.volumeMounts, pod })
  }
}

function* initContainerNeeds(spec: PodSpec): Generator<Need> {
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = `spec.initContainers[${index}]`
    const isSidecar = container.restartPolicy === 'Always'
    yield { field: at, feature: isSidecar ? 'sidecars' : 'initContainers' }
    if (container.restartPolicy && !isSidecar) {
      yield { field: `${at}.restartPolicy`, feature: 'containerRestartRules' }
    }
    yield* containerNeeds(at, { container, spec })
  }
}

function* byRules<T>(
  at: string,
  { rules, object }: { readonly rules: readonly Rule<T>[]; readonly object: T },
): Generator<Need> {
  for (const [field, feature, isUsed] of rules) {
    if (isUsed(object)) yield { field: `${at}.${field}`, feature }
  }
}

function* containerNeeds(
  at: string,
  { container, spec }: { readonly container: ContainerLike; readonly spec: PodSpec },
): Generator<Need> {
  yield* byRules(at, { rules: containerRules, object: container })
  const security = { object: container.securityContext ?? {} }
  yield* byRules(`${at}.securityContext`, { ...security, rules: sharedSecurityRules })
  yield* byRules(`${at}.securityContext`, { ...security, rules: containerSecurityRules })
  yield* resourceNeeds(`${at}.resources`, container.resources)
  for (const [index, { valueFrom }] of (container.env ?? []).entries()) {
    const field = `${at}.env[${index}].valueFrom.fileKeyRef`
    if (valueFrom?.fileKeyRef) yield { field, feature: 'env.fileKeyRef' }
  }
  for (const [index, { hostPort, containerPort }] of (container.ports ?? []).entries()) {
    // On the host's network every port is a host port, and the API server says so by itself.
    if (!hostPort || spec.hostNetwork) continue
    const feature = hostPort === containerPort ? 'hostPort' : 'hostPortMapping'
    yield { field: `${at}.ports[${index}].hostPort`, feature }
  }
  yield* mountNeeds(`${at}.volumeMounts`, { mounts: container.volumeMounts, spec })
}

const measured = new Set(['cpu', 'memory', 'ephemeral-storage'])

function* resourceNeeds(at: string, resources: Container['resources'] = {}): Generator<Need> {
  for (const kind of ['requests', 'limits'] as const) {
    for (const name of Object.keys(resources[kind] ?? {})) {
      if (measured.has(name)) continue
      yield { field: `${at}.${kind}["${name}"]`, feature: 'resources.extended' }
    }
  }
}

function* mountNeeds(
  at: string,
  { mounts = [], spec }: { readonly mounts: Container['volumeMounts']; readonly spec: PodSpec },
): Generator<Need> {
  for (const [index, mount] of mounts.entries()) {
    const { subPath, subPathExpr, mountPropagation = 'None', recursiveReadOnly } = mount
    if (subPath) yield { field: `${at}[${index}].subPath`, feature: 'volume.subPath' }
    if (subPathExpr) yield { field: `${at}[${index}].subPathExpr`, feature: 'volume.subPath' }
    if (mount.readOnly && isWritable(spec, mount.name)) {
      yield { field: `${at}[${index}].readOnly`, feature: 'volume.readOnly' }
    }
    if (mountPropagation !== 'None') {
      yield { field: `${at}[${index}].mountPropagation`, feature: 'volume.mountPropagation' }
    }
    if (recursiveReadOnly === 'Enabled') {
      yield { field: `${at}[${index}].recursiveReadOnly`, feature: 'volume.recursiveReadOnly' }
    }
  }
}

/** The service account's volume at another place is a volume like any other. */
function* strayAccountMounts(
  at: string,
  { mounts = [], pod }: { readonly mounts: Container['volumeMounts']; readonly pod: Pod },
): Generator<Need> {
  for (const [index, { name, mountPath }] of mounts.entries()) {
    if (mountPath === serviceAccountPath) continue
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name)
    if (!volume || !isServiceAccountVolume(pod, volume)) continue
    yield { field: `${at}[${index}].mountPath`, feature: 'volume.projected' }
  }
}

/** Is the volume of a kind that containers may write to unless a mount forbids it? */
function isWritable({ volumes = [] }: PodSpec, name: string): boolean {
  const volume = volumes.find((candidate) => candidate.name === name)
  if (!volume) return false
  const { configMap, secret, downwardAPI, projected, image } = volume
  return !(configMap ?? secret ?? downwardAPI ?? projected ?? image)
}

const knownFeatures: ReadonlySet<string> = new Set(featureNames)

function isFeature(name: string): name is FeatureName {
  return knownFeatures.has(name)
}

function* volumeNeeds(pod: Pod): Generator<Need> {
  for (const [index, volume] of (pod.spec.volumes ?? []).entries()) {
    if (isServiceAccountVolume(pod, volume)) continue
    for (const source of Object.keys(volume)) {
      if (source === 'name') continue
      const feature = `volume.${source}`
      const field = `spec.volumes[${index}].${source}`
      yield { field, feature: isFeature(feature) ? feature : 'volume.other' }
    }
    const at = `spec.volumes[${index}].emptyDir`
    const { medium, sizeLimit } = volume.emptyDir ?? {}
    if (medium) yield { field: `${at}.medium`, feature: 'volume.emptyDirMedium' }
    if (sizeLimit && sizeLimit !== '0') {
      yield { field: `${at}.sizeLimit`, feature: 'volume.emptyDirSizeLimit' }
    }
  }
}

/** Does `field` lie inside of `outer`? */
export function isWithin(field: string, outer: string): boolean {
  return field.startsWith(`${outer}.`) || field.startsWith(`${outer}[`)
}
