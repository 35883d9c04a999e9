// SPDX-License-Identifier: Apache-2.0
// The defaults of a container: of init and ephemeral ones too, and wherever a pod template stands.
import type {
  Container,
  ContainerPort,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ResourceFieldSelector,
  ResourceRequirements,
  VolumeMount,
} from '../../../kube/types.gen.ts'
import { canonicalAmounts, canonicalQuantity } from '../canonical-quantity.ts'
import { textOf } from '../read-json.ts'
import {
  mapField,
  mapItems,
  withDefaults,
  withField,
  withNumberDefaults,
  withoutZeros,
} from '../share-structure.ts'
import { isLatestImage } from './image-name.ts'

const emptyResources: ResourceRequirements = {}

const defaultsWhenPresent: Partial<Container> = {
  imagePullPolicy: 'IfNotPresent',
  resources: emptyResources,
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
}
const defaultsForLatest: Partial<Container> = { ...defaultsWhenPresent, imagePullPolicy: 'Always' }

/** Completes a container; requests are not made of limits here (`default-pod.ts` does, for pods only). */
export function defaultContainer<T extends Container | EphemeralContainer>(container: T): T {
  const isLatest = isLatestImage(textOf(container.image))
  let result: T = withDefaults(
    container,
    (isLatest ? defaultsForLatest : defaultsWhenPresent) as Partial<T>,
  )
  result = withoutZeros(result, omitted)
  if (result.ports !== undefined)
    result = withField(result, 'ports', mapItems(result.ports, defaultPort))
  if (result.volumeMounts !== undefined) {
    result = withField(result, 'volumeMounts', mapItems(result.volumeMounts, defaultMount))
  }
  if (result.env !== undefined) result = withField(result, 'env', mapItems(result.env, defaultEnv))
  result = mapField(result, 'resources', canonicalResources)
  for (const field of probeFields) {
    if (result[field] !== undefined) result = mapField(result, field, defaultProbe)
  }
  if (result.lifecycle === undefined) return result
  return mapField(result, 'lifecycle', defaultLifecycle)
}

/** Stop signals are not switched on in this version: they are dropped. */
function defaultLifecycle(lifecycle: Lifecycle): Lifecycle | undefined {
  const result = mapField(
    mapField(lifecycle, 'postStart', defaultHandler),
    'preStop',
    defaultHandler,
  )
  const { stopSignal: _, ...rest } = result
  if (Object.keys(rest).length === 0) return undefined
  return result.stopSignal === undefined ? result : rest
}

const omitted = ['stdin', 'stdinOnce', 'tty', 'workingDir'] as const
const probeFields = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const

/** Limits and requests with their quantities in canonical form. */
export function canonicalResources(resources: ResourceRequirements): ResourceRequirements {
  if (resources === emptyResources) return resources
  const withLimits = withField(resources, 'limits', canonicalAmounts(resources.limits))
  return withField(withLimits, 'requests', canonicalAmounts(resources.requests))
}

/** Completes a reference to a container's limit or request. */
export function defaultResourceField(field: ResourceFieldSelector): ResourceFieldSelector {
  return withField(field, 'divisor', canonicalQuantity(textOf(field.divisor) || '0'))
}

function defaultPort(port: ContainerPort): ContainerPort {
  return withDefaults(port, { protocol: 'TCP' })
}

function defaultMount(mount: VolumeMount): VolumeMount {
  return withoutZeros(mount, ['readOnly', 'subPath', 'subPathExpr'])
}

function defaultEnv(variable: EnvVar): EnvVar {
  return mapField(variable, 'valueFrom', (source) => {
    const withVersion = mapField(source, 'fieldRef', (field) =>
      withDefaults(field, { apiVersion: 'v1' }),
    )
    return mapField(withVersion, 'resourceFieldRef', defaultResourceField)
  })
}

function defaultProbe(probe: Probe): Probe {
  const timed = withNumberDefaults(probe, {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  const withPath = mapField(timed, 'httpGet', defaultHttpGet)
  return mapField(withPath, 'grpc', (grpc) =>
    typeof grpc.service === 'string' ? grpc : { ...grpc, service: '' },
  )
}

function defaultHandler(handler: LifecycleHandler): LifecycleHandler {
  return mapField(handler, 'httpGet', defaultHttpGet)
}

function defaultHttpGet(action: HTTPGetAction): HTTPGetAction {
  return withDefaults(action, { path: '/', scheme: 'HTTP' })
}
