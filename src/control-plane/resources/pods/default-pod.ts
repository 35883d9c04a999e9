// SPDX-License-Identifier: Apache-2.0
// The defaults of pods themselves, beyond those of any pod spec: requests follow from limits, ports of
// host network pods are the host's, links to services are on, and no time to end is less than a second.
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../kube/types.gen.ts'
import { asKind } from '../as-kind.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import type { Amounts } from '../canonical-quantity.ts'
import { isRecord } from '../read-json.ts'
import { mapField, mapItems, withField } from '../share-structure.ts'
import { defaultPodSpec } from './default-pod-spec.ts'
import { defaultPodStatus } from './default-pod-status.ts'
import { defaultPodResources } from './pod-level-resources.ts'

export function defaultPod(object: KubeObject): KubeObject {
  const { spec, status } = asKind<Pod>(object)
  // The API always has a spec, even where the client has sent none.
  const complete = defaultSpec(isRecord(spec) ? spec : { containers: [] })
  const result = withField(object, 'spec', complete)
  return isRecord(status) ? withField(result, 'status', defaultPodStatus(status)) : result
}

function defaultSpec(spec: PodSpec): PodSpec {
  let result = withRequests(defaultPodSpec(spec))
  if (result.resources !== undefined) result = defaultPodResources(result)
  if ((result.terminationGracePeriodSeconds ?? 0) < 0) {
    result = { ...result, terminationGracePeriodSeconds: 1 }
  }
  if (typeof result.enableServiceLinks !== 'boolean') {
    result = { ...result, enableServiceLinks: true }
  }
  return result.hostNetwork === true ? withHostPorts(result) : result
}

function withRequests(spec: PodSpec): PodSpec {
  const change = (container: Container): Container =>
    container.resources?.limits === undefined
      ? container
      : mapField(container, 'resources', requestsFromLimits)
  const result = withField(spec, 'containers', mapItems(spec.containers, change))
  if (result.initContainers === undefined) return result
  return withField(result, 'initContainers', mapItems(result.initContainers, change))
}

function requestsFromLimits(resources: ResourceRequirements): ResourceRequirements {
  const { limits, requests } = resources
  if (!isRecord(limits)) return resources
  const present: Amounts = requests ?? {}
  for (const name in limits) {
    if (present[name] === undefined) return { ...resources, requests: { ...limits, ...present } }
  }
  return resources
}

function withHostPorts(spec: PodSpec): PodSpec {
  const change = (container: Container): Container =>
    withField(
      container,
      'ports',
      mapItems(container.ports, (port) =>
        port.hostPort ? port : { ...port, hostPort: port.containerPort },
      ),
    )
  const result = withField(spec, 'containers', mapItems(spec.containers, change))
  return withField(result, 'initContainers', mapItems(result.initContainers, change))
}
