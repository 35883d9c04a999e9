// SPDX-License-Identifier: Apache-2.0
//
// One cluster for all tests of a `describe`: started before them, gone after them.
import { after, before } from 'node:test'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import type { ControlPlaneOptions } from './control-plane.ts'

/**
 * Registers the hooks; the function that it returns gives the cluster to tests. The embedded one serves from
 * the test's own process, which saves its start: those that kill it say `inProcess: false`.
 */
export function useCluster(options: ControlPlaneOptions = {}): () => Cluster {
  let cluster: Cluster | undefined
  before(async () => {
    cluster = await startCluster({ inProcess: true, ...options })
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
  })
  return () => {
    if (cluster === undefined) throw new Error('Cannot use the cluster: it has not started')
    return cluster
  }
}
