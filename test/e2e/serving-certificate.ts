// SPDX-License-Identifier: Apache-2.0
//
// What the HTTPS port of a node shows, as those see it who verify it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import type { Cluster } from './cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** Is the certificate on the node's port good for its address, as metrics-server would ask? */
export async function isServingVerified(
  cluster: Cluster,
  { nodeIp: host, kubeletPort: port }: VirtualKubelet,
): Promise<boolean> {
  const ca = readFileSync(cluster.caFile)
  const socket = connect({ host, port, ca, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    return socket.authorized
  } finally {
    socket.destroy()
  }
}
