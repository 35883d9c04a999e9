// SPDX-License-Identifier: Apache-2.0
// Where a node's kubelet is reached: what the Node's status says, chosen as kube-apiserver does.
import type { Node } from '../../kube/types.gen.ts'
import { notFound, StatusError } from '../objects/api-status.ts'
import type { Store } from '../storage/store.ts'

export interface KubeletEndpoint {
  readonly host: string
  readonly port: number
}

/** All addresses of all nodes, of whatever type. */
export function nodeAddresses(store: Store): readonly string[] {
  return store.list('nodes').items.flatMap(({ object }) => {
    const { addresses = [] } = (object as unknown as Node).status ?? {}
    return addresses.map(({ address }) => address)
  })
}

const preferredTypes = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS']
const defaultPort = 10_250

/** Throws 404 for an unknown node and 503 for one that has no address yet. */
export function kubeletEndpoint(store: Store, nodeName: string): KubeletEndpoint {
  const stored = store.get({ resource: 'nodes', namespace: '', name: nodeName })
  if (!stored) throw notFound({ group: '', plural: 'nodes' }, nodeName)
  const { status = {} } = stored.object as unknown as Node
  const { addresses = [], daemonEndpoints } = status
  const port = daemonEndpoints?.kubeletEndpoint?.Port || defaultPort
  for (const type of preferredTypes) {
    const found = addresses.find((one) => one.type === type && one.address !== '')
    if (found) return { host: found.address, port }
  }
  const message = `no preferred addresses found; known addresses: []`
  throw new StatusError(503, 'ServiceUnavailable', `node "${nodeName}": ${message}`)
}
