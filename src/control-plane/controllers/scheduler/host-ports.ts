// SPDX-License-Identifier: Apache-2.0
// Ports of the node that pods take. One on all addresses (0.0.0.0) collides with the same port on any.
import type { Pod } from '../../../kube/types.gen.ts'

/** One port of the node; `key` is its protocol and number. */
export interface HostPort {
  readonly key: string
  readonly ip: string
}

const allAddresses = '0.0.0.0'

/** The ports of the node that the pod's containers and sidecars ask for. */
export function hostPorts(pod: Pod): readonly HostPort[] {
  const { containers, initContainers = [] } = pod.spec
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ hostPort, protocol = 'TCP', hostIP = '' }) => ({
        key: `${protocol}/${hostPort}`,
        ip: hostIP === '' ? allAddresses : hostIP,
      })),
  )
}

/** Whether one of `wanted` is among `taken` already. */
export function portsCollide(wanted: readonly HostPort[], taken: Iterable<HostPort>): boolean {
  if (wanted.length === 0) return false
  for (const port of taken) {
    const isTaken = wanted.some(
      ({ key, ip }) =>
        key === port.key && (ip === port.ip || ip === allAddresses || port.ip === allAddresses),
    )
    if (isTaken) return true
  }
  return false
}
