// SPDX-License-Identifier: Apache-2.0
//
// Who takes part: programs that each run the pods of one node, all against the same API server.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../test/e2e/cluster.ts'
import { startComponent } from '../test/e2e/component.ts'
import type { Component } from '../test/e2e/component.ts'
import { eventually } from '../test/e2e/eventually.ts'
import { START_COMMAND } from '../test/e2e/virtual-kubelet.ts'
import { buildKwok } from './kwok/build.ts'
import { buildUpstreamMock } from './upstream-mock/build.ts'

/** One program. */
export interface Contender {
  readonly name: string
  /** Name of its node. */
  readonly node: string
  /** Upper limit of pods to measure with, for one that would take for ever; default none. */
  readonly maxPods?: number
  /** Starts it; returns when its node takes pods. */
  start(): Promise<Component>
}

/** The program under test, with the mock provider. With `profileFolder` it leaves a CPU profile. */
export function ourselves(cluster: Cluster, profileFolder?: string): Contender {
  const [program, ...words] = START_COMMAND
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  return {
    name: 'virtual-kubelet',
    node: 'ours',
    start: async () =>
      await cluster.startVirtualKubelet(
        ['--provider', 'mock', '--max-pods', '1000000', '--log-level', 'warn'],
        { nodeName: 'ours', command: [program, ...profiling, ...words] },
      ),
  }
}

/** The ideal client; `ending` says which requests it sends for a pod that is deleted. */
export function idealClient(cluster: Cluster, ending: 'patch-and-delete' | 'delete'): Contender {
  const node = `ideal-${ending}`
  return {
    name: ending === 'delete' ? 'ideal, one write' : 'ideal, same writes',
    node,
    start: async () => {
      await createNode(cluster, node)
      const kubeconfig = await cluster.kubeconfigFor(`system:node:${node}`, ['system:nodes'])
      return await startComponent({
        name: node,
        command: process.execPath,
        args: [join(import.meta.dirname, 'ideal-client.ts'), kubeconfig, node, ending],
        logFile: cluster.files.logFile(node),
      })
    },
  }
}

/** kwok with its default stages, which publish no terminal status, as a client without limits. */
export function kwok(cluster: Cluster): Contender {
  const command = buildKwok()
  return {
    name: 'kwok',
    node: 'kwok',
    start: async () => {
      await createNode(cluster, 'kwok')
      const component = await startComponent({
        name: 'kwok',
        command,
        args: [
          `--kubeconfig=${cluster.kubeconfig}`,
          '--manage-single-node=kwok',
          '--cidr=10.0.0.1/8',
          `--node-ip=${cluster.addAddress()}`,
        ],
        logFile: cluster.files.logFile('kwok'),
      })
      await nodeIsReady(cluster, 'kwok')
      return component
    },
  }
}

/** The Go project's own command and mock; its client allows itself five requests a second. */
export function upstreamMock(cluster: Cluster): Contender {
  const command = buildUpstreamMock()
  const node = 'upstream'
  const config = join(cluster.files.folder, 'upstream-mock.json')
  return {
    name: 'upstream mock',
    node,
    maxPods: 100,
    start: async () => {
      const capacity = { cpu: '1000', memory: '4Ti', pods: '100000' }
      writeFileSync(config, JSON.stringify({ [node]: capacity }))
      const args = ['--provider=mock', `--nodename=${node}`, `--provider-config=${config}`]
      const component = await startComponent({
        name: node,
        command,
        args: [...args, `--kubeconfig=${cluster.kubeconfig}`],
        logFile: cluster.files.logFile(node),
        env: {
          ...process.env,
          VKUBELET_POD_IP: cluster.addAddress(),
          // Any server certificate will do: nobody calls it.
          APISERVER_CERT_LOCATION: cluster.files.apiServer.certificate,
          APISERVER_KEY_LOCATION: cluster.files.apiServer.key,
          APISERVER_CA_CERT_LOCATION: cluster.caFile,
        },
      })
      await nodeIsReady(cluster, node)
      return component
    },
  }
}

async function nodeIsReady(cluster: Cluster, name: string): Promise<void> {
  await eventually(
    async () => (await cluster.kubectl(['get', 'node', name])).stdout.includes(' Ready '),
    { what: `node ${name} to be Ready` },
  )
}

async function createNode(cluster: Cluster, name: string): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Node', metadata: { name } }
  await cluster.kubectl(['apply', '-f', '-'], { input: body })
}
