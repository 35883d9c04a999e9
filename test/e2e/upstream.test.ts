// SPDX-License-Identifier: Apache-2.0
//
// Upstream's own suite, unchanged, against our node with the mock provider. Two of its tests do not
// ask the node but a pod that has the node's name, for upstream runs as such a pod; so one is put
// there. The API server calls that pod without credentials, hence the open kubelet API in this run.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { startComponent } from './component.ts'
import { skipReason } from './requirements.ts'
import { buildUpstreamSuite, upstreamSkipReason } from './upstream/build.ts'
import { useCluster } from './use-cluster.ts'
import type { Cluster } from './cluster.ts'

const NODE = 'vk-e2e'

const TESTS = [
  'TestCreatePodWithMandatoryInexistentConfigMap',
  'TestCreatePodWithMandatoryInexistentSecrets',
  'TestCreatePodWithOptionalInexistentConfigMap',
  'TestCreatePodWithOptionalInexistentSecrets',
  'TestGetMetricsResource',
  'TestGetPods',
  'TestGetStatsSummary',
  'TestPodLifecycleForceDelete',
  'TestPodLifecycleGracefulDelete',
]

describe("upstream's end-to-end suite", { skip: skipReason || upstreamSkipReason() }, () => {
  const cluster = useCluster({ scheduler: false })
  let log = ''
  let results = new Map<string, string>()

  before(async () => {
    log = await runUpstreamSuite(cluster())
    results = outcomes(log)
  })

  for (const name of TESTS) {
    test(name, () => assert.equal(results.get(name), 'PASS', log))
  }

  test('has no other tests', () => {
    assert.deepEqual([...results.keys()].toSorted(), TESTS)
  })
})

async function runUpstreamSuite(cluster: Cluster): Promise<string> {
  const command = buildUpstreamSuite()
  const node = await cluster.startVirtualKubelet(
    ['--provider', 'mock', '--anonymous-auth=true', '--authorization-mode=AlwaysAllow'],
    { nodeName: NODE },
  )
  await createPodOfNode(cluster, node.nodeIp)
  await using suite = await startComponent({
    name: 'upstream-e2e',
    command,
    args: [
      '-test.v',
      '-test.timeout=9m',
      '-watch-timeout=2m',
      `-kubeconfig=${cluster.kubeconfig}`,
      `-node-name=${NODE}`,
    ],
    logFile: cluster.files.logFile('upstream-e2e'),
  })
  await suite.exited
  return suite.log()
}

async function createPodOfNode(cluster: Cluster, podIP: string): Promise<void> {
  const pods = '/api/v1/namespaces/default/pods'
  const containers = [{ name: 'node', image: 'none' }]
  await cluster.api('POST', pods, {
    body: { metadata: { name: NODE }, spec: { schedulerName: 'nobody', containers } },
  })
  await cluster.api('PATCH', `${pods}/${NODE}/status`, {
    contentType: 'application/merge-patch+json',
    body: { status: { podIP, podIPs: [{ ip: podIP }] } },
  })
}

/** What became of each test, from the verbose output of a Go test program. */
function outcomes(log: string): Map<string, string> {
  const lines = log.matchAll(/^ +--- (PASS|FAIL|SKIP): TestEndToEnd\/(\w+)/gm)
  return new Map([...lines].map(([, outcome = '', name = '']) => [name, outcome]))
}
