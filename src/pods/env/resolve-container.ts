// SPDX-License-Identifier: Apache-2.0
// What a container is really started with. Order, as in the kubelet: envFrom, then env, each later one
// overwriting, then service variables for names still free. Values see what was set before them; command
// and args see everything. Whatever holds a Secret's value, even inside another text, stays marked.
import type {
  Container,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  EphemeralContainer,
  FileKeySelector,
  Pod,
} from '../../kube/types.gen.ts'
import type { PodFacts, ResolvedContainer, ResolvedEnvVar } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import { readEnvFile } from './env-file.ts'
import type { EnvSources } from './env-sources.ts'
import { expand } from '../../util/expand.ts'
import { fieldValue } from './field-ref.ts'
import { ObjectReader, type EnvReference } from './object-reader.ts'
import { resourceValue } from './resource-ref.ts'
import { serviceEnv } from './service-env.ts'

/** The world that a container's references lead to. */
export interface ResolveContext {
  readonly sources: EnvSources
  readonly facts: PodFacts
}

type AnyContainer = Container | EphemeralContainer

interface Value {
  readonly value: string
  readonly isSecret: boolean
}

interface Resolution extends ResolveContext {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly objects: ObjectReader
  readonly variables: Map<string, Value>
  readonly serviceVariables: ReadonlyMap<string, string>
}

/**
 * Resolves a regular, init or ephemeral container of the pod. Rejects with a VkError whose podReason is
 * the container's waiting reason; the fitting event has then been handed to `sources.notice`.
 */
export async function resolveContainer(
  pod: Pod,
  containerName: string,
  { sources, facts }: ResolveContext,
): Promise<ResolvedContainer> {
  const container = findContainer(pod, containerName)
  const objects = new ObjectReader(pod, sources)
  for (const reference of referencesOf(container)) objects.prefetch(reference)
  const services = await readServices(sources)
  const { podApiServer } = sources
  const resolution: Resolution = {
    pod,
    container,
    sources,
    facts,
    objects,
    variables: new Map(),
    serviceVariables: serviceEnv(pod, { services, ...(podApiServer && { podApiServer }) }),
  }
  for (const source of container.envFrom ?? []) await addAll(source, resolution)
  for (const variable of container.env ?? []) await addOne(variable, resolution)
  const expandText = (text: string): string => expandValue(text, resolution).value
  return {
    name: container.name,
    command: (container.command ?? []).map(expandText),
    args: (container.args ?? []).map(expandText),
    env: finalEnv(resolution),
  }
}

function findContainer(pod: Pod, name: string): AnyContainer {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  const isNamed = (container: AnyContainer): boolean => container.name === name
  const container =
    containers.find(isNamed) ?? initContainers.find(isNamed) ?? ephemeralContainers.find(isNamed)
  if (container) return container
  const pods = `${pod.metadata.namespace}/${pod.metadata.name}`
  throw new VkError('NotFound', `Cannot resolve container "${name}": pod "${pods}" has none`)
}

function* referencesOf(container: AnyContainer): Iterable<EnvReference> {
  for (const source of container.envFrom ?? []) {
    const reference = envFromReference(source)
    if (reference) yield reference
  }
  for (const { value, valueFrom } of container.env ?? []) {
    const reference = value || !valueFrom ? undefined : keyReference(valueFrom)
    if (reference) yield reference
  }
}

function envFromReference({ configMapRef, secretRef }: EnvFromSource): EnvReference | undefined {
  const ref = configMapRef ?? secretRef
  if (!ref) return undefined
  const kind = configMapRef ? 'ConfigMap' : 'Secret'
  return { kind, name: ref.name ?? '', isOptional: ref.optional ?? false }
}

function keyReference(source: EnvVarSource): (EnvReference & { key: string }) | undefined {
  const ref = source.configMapKeyRef ?? source.secretKeyRef
  if (!ref) return undefined
  const kind = source.configMapKeyRef ? 'ConfigMap' : 'Secret'
  return { kind, name: ref.name ?? '', key: ref.key, isOptional: ref.optional ?? false }
}

async function readServices(sources: EnvSources): ReturnType<EnvSources['services']> {
  try {
    return await sources.services()
  } catch (cause) {
    const message = 'services have not yet been read at least once, cannot construct envvars'
    throw new VkError('Unavailable', message, { cause, podReason: 'CreateContainerConfigError' })
  }
}

async function addAll(source: EnvFromSource, { objects, variables }: Resolution): Promise<void> {
  const reference = envFromReference(source)
  if (!reference) return
  const isSecret = reference.kind === 'Secret'
  const values = await objects.values(reference)
  for (const [key, value] of Object.entries(values ?? {})) {
    variables.set(`${source.prefix ?? ''}${key}`, { value, isSecret })
  }
}

async function addOne({ name, value, valueFrom }: EnvVar, resolution: Resolution): Promise<void> {
  const resolved =
    value || !valueFrom
      ? expandValue(value ?? '', resolution)
      : await valueOf(valueFrom, resolution)
  if (resolved) resolution.variables.set(name, resolved)
}

/** Undefined: an optional reference led nowhere, and the variable stays as it was. */
async function valueOf(source: EnvVarSource, resolution: Resolution): Promise<Value | undefined> {
  const { pod, container, sources, facts, objects } = resolution
  const { nodeName, nodeAllocatable } = sources
  if (source.fieldRef) {
    const value = fieldValue(pod, source.fieldRef.fieldPath, { facts, nodeName })
    return { value, isSecret: false }
  }
  if (source.resourceFieldRef) {
    const context = { containerName: container.name, nodeAllocatable }
    return { value: resourceValue(pod, source.resourceFieldRef, context), isSecret: false }
  }
  if (source.fileKeyRef) return await fileValue(source.fileKeyRef, facts)
  const reference = keyReference(source)
  if (!reference) return { value: '', isSecret: false }
  const value = await objects.value(reference, reference.key)
  return value === undefined ? undefined : { value, isSecret: reference.kind === 'Secret' }
}

/** A container has written the file, perhaps from a Secret: it counts as one. */
async function fileValue(
  { volumeName, path, key, optional = false }: FileKeySelector,
  { readVolumeFile }: PodFacts,
): Promise<Value | undefined> {
  let text: string | undefined
  let value = ''
  try {
    text = await readVolumeFile?.(volumeName, path)
    if (text !== undefined) value = readEnvFile(text, key)
  } catch (cause) {
    throw configError("couldn't parse env file", cause)
  }
  if (text === undefined) {
    throw configError(`cannot find the volume "${volumeName}" referenced by FileKeyRef`)
  }
  if (value !== '') return { value, isSecret: true }
  if (optional) return undefined
  throw configError(`environment variable key "${key}" not found in file "${path}"`)
}

function configError(message: string, cause?: unknown): VkError {
  return new VkError('Invalid', message, { podReason: 'CreateContainerConfigError', cause })
}

function expandValue(text: string, { variables, serviceVariables, facts }: Resolution): Value {
  let isSecret = false
  const value = expand(text, (name) => {
    const variable = variables.get(name)
    if (variable?.isSecret) isSecret = true
    return variable ? variable.value : (serviceVariables.get(name) ?? facts.variables?.get(name))
  })
  return { value, isSecret }
}

function finalEnv({ variables, serviceVariables }: Resolution): readonly ResolvedEnvVar[] {
  const env: ResolvedEnvVar[] = []
  for (const [name, { value, isSecret }] of variables) env.push({ name, value, isSecret })
  for (const [name, value] of serviceVariables) {
    if (!variables.has(name)) env.push({ name, value, isSecret: false })
  }
  return env
}
