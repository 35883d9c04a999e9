// SPDX-License-Identifier: Apache-2.0
// What cannot be had where pods have no network but a loopback of their own: whatever comes from outside.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import type { PodProblem } from '../../../provider/provider.ts'

const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const
const why = 'the pod has no network that could be reached (network: none)'

/** Every such field; none of a pod on the host's network. */
export function networkProblems(
  { spec }: Pick<Pod, 'spec'>,
  network: 'host' | 'none',
): readonly PodProblem[] {
  if (network === 'host' || spec.hostNetwork === true) return []
  const lists = { initContainers: spec.initContainers ?? [], containers: spec.containers }
  return Object.entries(lists).flatMap(([list, containers]) =>
    containers.flatMap((container, index) =>
      problemsIn(container).map((field) => ({ field: `spec.${list}[${index}].${field}`, why })),
    ),
  )
}

function problemsIn(container: Container): readonly string[] {
  const { lifecycle, ports = [] } = container
  const found: string[] = []
  for (const probe of probes) {
    const { httpGet, tcpSocket, grpc } = container[probe] ?? {}
    if (httpGet ?? tcpSocket ?? grpc) found.push(probe)
  }
  if (lifecycle?.postStart?.httpGet) found.push('lifecycle.postStart')
  if (lifecycle?.preStop?.httpGet) found.push('lifecycle.preStop')
  for (const [index, { hostPort }] of ports.entries()) {
    if (hostPort) found.push(`ports[${index}].hostPort`)
  }
  return found
}
