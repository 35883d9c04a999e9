// SPDX-License-Identifier: Apache-2.0
//
// A program in a pod is a client of the cluster, with the token that Kubernetes gives to each pod.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Container } from '../../src/kube/types.gen.ts'
import { accountUser, grant, serviceAccount, untilAllowed } from './access.ts'
import { Pods } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'

/** Asks with what any client library would look for, and prints status and names of pods. */
const CLIENT = `
  const { readFileSync } = require('node:fs')
  const read = (name) => readFileSync(process.env.VK_SERVICEACCOUNT_DIR + '/' + name, 'utf8')
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
  require('node:https').get({
    host, port, ca: read('ca.crt'),
    path: '/api/v1/namespaces/' + read('namespace') + '/pods',
    headers: { authorization: 'Bearer ' + read('token') },
  }, (response) => {
    let text = ''
    response.on('data', (chunk) => { text += chunk })
    response.on('end', () => {
      const { items = [] } = JSON.parse(text)
      console.log(response.statusCode, items.map((pod) => pod.metadata.name).join(','))
    })
  }).on('error', (error) => { console.error(error); process.exitCode = 1 })
`

describe('a program in a pod', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster())
    for (const name of ['reader', 'stranger']) {
      await cluster().create(serviceAccount(name))
    }
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]
    await cluster().create(...grant('reader', 'Role', rules))
    const attributes = { namespace: 'default', verb: 'list', resource: 'pods' }
    await untilAllowed(cluster(), accountUser('reader'), attributes)
  })

  async function answerFor(serviceAccountName: string): Promise<string> {
    const name = `client-of-${serviceAccountName}`
    const container: Container = {
      name: 'main',
      image: 'host',
      command: [process.execPath, '-e', CLIENT],
    }
    await pods.create({
      name,
      // The embedded API server listens on loopback, which is the host's.
      spec: {
        serviceAccountName,
        restartPolicy: 'Never',
        hostNetwork: provider.isOnEngine,
        containers: [container],
      },
    })
    await pods.untilPhase(name, 'Succeeded')
    return await pods.logs(name)
  }

  test('lists pods with its own token, if a role allows it', async () => {
    assert.equal(await answerFor('reader'), '200 client-of-reader\n')
  })

  test('is refused by RBAC otherwise', async () => {
    assert.equal(await answerFor('stranger'), '403 \n')
  })

  test('has no token when its pod wants none', async () => {
    const script = 'ls "${VK_SERVICEACCOUNT_DIR:-/nonexistent}/token" 2>/dev/null || echo none'
    await pods.create({
      name: 'tokenless',
      spec: {
        automountServiceAccountToken: false,
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'host', command: ['sh', '-c', script] }],
      },
    })
    await pods.untilPhase('tokenless', 'Succeeded')
    assert.equal(await pods.logs('tokenless'), 'none\n')
  })
})
