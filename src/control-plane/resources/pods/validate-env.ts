// SPDX-License-Identifier: Apache-2.0
// Judges the environment of a container: names, and where values come from.
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../../../kube/types.gen.ts'
import { invalidValue, notSupported, required, type FieldError } from '../../objects/field-error.ts'
import { configKeyFaults, dnsSubdomainFaults, qualifiedNameFaults } from '../meta/name-rules.ts'
import { validateDnsLabel } from '../meta/validate-values.ts'
import { validateNoBacksteps } from '../meta/validate-paths.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'

export function* validateEnv(
  variables: readonly EnvVar[] | undefined,
  path: string,
): Iterable<FieldError> {
  for (const [index, variable] of listOf(variables).entries()) {
    const at = `${path}[${index}]`
    const name = textOf(variable.name)
    if (name === '') yield required(`${at}.name`)
    else for (const fault of variableFaults(name)) yield invalidValue(`${at}.name`, name, fault)
    if (!isMissing(variable.valueFrom)) {
      yield* validateSource(variable.valueFrom, `${at}.valueFrom`, textOf(variable.value))
    }
  }
}

export function* validateEnvFrom(
  sources: readonly EnvFromSource[] | undefined,
  path: string,
): Iterable<FieldError> {
  for (const [index, source] of listOf(sources).entries()) {
    const at = `${path}[${index}]`
    const prefix = textOf(source.prefix)
    if (prefix !== '') {
      for (const fault of variableFaults(prefix)) yield invalidValue(`${at}.prefix`, prefix, fault)
    }
    let count = 0
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const reference = source[kind]
      if (isMissing(reference)) continue
      count++
      const name = textOf(reference.name)
      if (name === '') yield required(`${at}.${kind}.name`)
      else {
        for (const fault of dnsSubdomainFaults(withoutDash(name))) {
          yield invalidValue(`${at}.${kind}.name`, name, fault)
        }
      }
    }
    if (count === 0)
      yield invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`')
    if (count > 1) yield invalidValue(path, '', onlyOne)
  }
}

const onlyOne = 'may not have more than one field specified at a time'

/** Anything printable but `=` has been allowed since 1.34. */
function variableFaults(name: string): readonly string[] {
  if (/^[\x20-\x3c\x3e-\x7e]*$/.test(name)) return []
  return [
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
  ]
}

function withoutDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name
}

function* validateSource(source: EnvVarSource, path: string, value: string): Iterable<FieldError> {
  const { configMapKeyRef, fieldRef, fileKeyRef, resourceFieldRef, secretKeyRef } = source
  let count = 0
  if (!isMissing(fieldRef)) {
    count++
    yield* validateFieldRef(fieldRef, `${path}.fieldRef`, envFields)
  }
  if (!isMissing(resourceFieldRef)) {
    count++
    yield* validateResourceField(resourceFieldRef, `${path}.resourceFieldRef`)
  }
  for (const [kind, reference] of [
    ['configMapKeyRef', configMapKeyRef],
    ['secretKeyRef', secretKeyRef],
  ] as const) {
    if (isMissing(reference)) continue
    count++
    yield* validateKeyRef(reference, `${path}.${kind}`)
  }
  if (!isMissing(fileKeyRef)) {
    count++
    yield* validateFileKeyRef(fileKeyRef, `${path}.fileKeyRef`)
  }
  if (count === 0) {
    const why =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
    yield invalidValue(path, '', why)
  } else if (value !== '') {
    yield invalidValue(path, '', 'may not be specified when `value` is not empty')
  } else if (count > 1) yield invalidValue(path, '', onlyOne)
}

function* validateKeyRef(
  reference: { readonly name?: string; readonly key?: string },
  path: string,
): Iterable<FieldError> {
  const name = textOf(reference.name)
  for (const fault of dnsSubdomainFaults(name)) yield invalidValue(`${path}.name`, name, fault)
  const key = textOf(reference.key)
  if (key === '') yield required(`${path}.key`)
  else for (const fault of configKeyFaults(key)) yield invalidValue(`${path}.key`, key, fault)
}

function* validateFileKeyRef(reference: FileKeySelector, path: string): Iterable<FieldError> {
  const key = textOf(reference.key)
  if (key === '') yield required(`${path}.key`)
  else for (const fault of variableFaults(key)) yield invalidValue(`${path}.key`, key, fault)
  const volume = textOf(reference.volumeName)
  if (volume === '') yield required(`${path}.volumeName`)
  else yield* validateDnsLabel(volume, `${path}.volumeName`)
  const file = textOf(reference.path)
  if (file === '') yield required(`${path}.path`)
  else yield* validateNoBacksteps(file, `${path}.path`)
}

const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Fields of a pod that its files may show. */
export const volumeFields: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

const knownFields = new Set([
  ...envFields,
  ...volumeFields,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])

/** A field of the pod, of which only `supported` can be had in this place. */
export function* validateFieldRef(
  reference: ObjectFieldSelector,
  path: string,
  supported: readonly string[],
): Iterable<FieldError> {
  const version = textOf(reference.apiVersion)
  const fieldPath = textOf(reference.fieldPath)
  if (version === '') {
    yield required(`${path}.apiVersion`)
    return
  }
  if (fieldPath === '') {
    yield required(`${path}.fieldPath`)
    return
  }
  const [, base = fieldPath, subscript] = /^(.*)\['(.*)'\]$/s.exec(fieldPath) ?? []
  const why = conversionFault({ version, fieldPath, base, isSubscripted: subscript !== undefined })
  if (why !== undefined) {
    yield invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)
  } else if (subscript !== undefined) {
    const key = base === 'metadata.annotations' ? subscript.toLowerCase() : subscript
    for (const fault of qualifiedNameFaults(key)) yield invalidValue(path, key, fault)
  } else if (!supported.includes(fieldPath)) {
    yield notSupported(`${path}.fieldPath`, fieldPath, supported)
  }
}

function conversionFault(reference: {
  readonly version: string
  readonly fieldPath: string
  readonly base: string
  readonly isSubscripted: boolean
}): string | undefined {
  const { version, fieldPath, base, isSubscripted } = reference
  if (version !== 'v1') return `unsupported pod version: ${version}`
  if (isSubscripted) {
    const hasSubscripts = base === 'metadata.annotations' || base === 'metadata.labels'
    return hasSubscripts ? undefined : `field label does not support subscript: ${fieldPath}`
  }
  return knownFields.has(fieldPath) ? undefined : `field label not supported: ${fieldPath}`
}

const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const cpuDivisors = ['1m', '1']
const byteDivisors = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map(
  (suffix) => `1${suffix}`,
)

/** A container's limit or request; `inVolume`: the container must be named. */
export function* validateResourceField(
  reference: ResourceFieldSelector,
  path: string,
  inVolume = false,
): Iterable<FieldError> {
  const resource = textOf(reference.resource)
  const isHugePages = /^(?:requests|limits)\.hugepages-/.test(resource)
  if (inVolume && textOf(reference.containerName) === '') yield required(`${path}.containerName`)
  else if (resource === '') yield required(`${path}.resource`)
  else if (!resourceFields.includes(resource) && !isHugePages) {
    yield notSupported(`${path}.resource`, resource, resourceFields)
  }
  const divisor = textOf(reference.divisor)
  if (divisor === '' || divisor === '0') return
  const supported = resource.endsWith('.cpu') ? cpuDivisors : byteDivisors
  if (supported.includes(divisor) || !(resourceFields.includes(resource) || isHugePages)) return
  const of = isHugePages ? 'hugepages' : namesInMessages[resource.replace(/^.*\./, '')]
  const list = supported === cpuDivisors ? '1m and 1' : byteDivisors.join(', ')
  const why = `only divisor's values ${list} are supported with the ${of} resource`
  yield invalidValue(`${path}.divisor`, resource, why)
}

const namesInMessages: Readonly<Record<string, string>> = {
  cpu: 'cpu',
  memory: 'memory',
  'ephemeral-storage': 'local ephemeral storage',
}
