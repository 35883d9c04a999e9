// SPDX-License-Identifier: Apache-2.0
//
// Who may ask the kubelet API what. The API server is one caller among others: it shows a certificate,
// and RBAC says what its name may do.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import type { KeyPair } from './certificates.ts'
import { createAuthority } from './certificates.ts'
import { accountUser, grant, serviceAccount, untilAllowed } from './access.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const LOGS = '/containerLogs/default/talker/main'

/** Path, the subresources of nodes that open it, and what is answered then. */
const ROUTES: readonly (readonly [string, readonly string[], number?])[] = [
  ['/healthz', ['healthz', 'proxy']],
  ['/healthz/syncloop', ['healthz', 'proxy']],
  ['/pods', ['pods', 'proxy']],
  ['/runningpods/', ['pods', 'proxy']],
  [LOGS, ['proxy']],
  ['/exec/default/talker/main', ['proxy'], 400],
  ['/attach/default/talker/main', ['proxy'], 400],
  ['/portForward/default/talker', ['proxy'], 400],
  ['/run/default/talker/main', ['proxy'], 405],
  ['/stats/summary', ['stats']],
  ['/metrics', ['metrics']],
  ['/metrics/resource', ['metrics']],
  ['/metrics/cadvisor', ['metrics']],
  ['/metrics/probes', ['metrics']],
  ['/metrics/slis', ['metrics']],
  ['/configz', ['configz', 'proxy']],
  ['/flagz', ['configz']],
  ['/statusz', ['statusz']],
  ['/logs/', ['log'], 405],
  ['/checkpoint/default/talker/main', ['checkpoint'], 404],
  ['/debug/pprof/heap', ['proxy'], 405],
  ['/no/such/route', ['proxy'], 404],
]

describe('the kubelet API', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster())
    await pods.create({ name: 'talker', spec: { containers: [shell('echo talk; sleep 600; :')] } })
    await pods.untilLogged('talker', /talk/)
    for (const name of ['scraper', 'lister', 'nobody']) await cluster().create(serviceAccount(name))
    await allow('scraper', 'metrics')
    await allow('lister', 'pods')
  })

  /** Lets a service account read one subresource of nodes. */
  async function allow(account: string, subresource: string): Promise<void> {
    const rules = [{ apiGroups: [''], resources: [`nodes/${subresource}`], verbs: ['get'] }]
    await cluster().create(...grant(account, 'ClusterRole', rules))
    // A node remembers for a while what it was told.
    const attributes = { verb: 'get', resource: 'nodes', subresource }
    await untilAllowed(cluster(), accountUser(account), attributes)
  }

  async function statusOf(
    path: string,
    { token, user }: { readonly token?: string; readonly user?: KeyPair } = {},
  ): Promise<number> {
    const connect = {
      rejectUnauthorized: false,
      ...(user === undefined ? {} : { cert: user.certificate, key: user.key }),
    }
    const dispatcher = new Agent({ connect })
    try {
      const { statusCode, body } = await request(
        `https://${node.nodeIp}:${node.kubeletPort}${path}`,
        { dispatcher, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
      )
      await body.dump()
      return statusCode
    } finally {
      await dispatcher.destroy()
    }
  }

  test('answers nobody without credentials', async () => {
    for (const path of ['/pods', LOGS, '/metrics/resource', '/stats/summary', '/healthz']) {
      assert.equal(await statusOf(path), 401, path)
    }
  })

  test('answers no bad token and no certificate of another authority', async () => {
    assert.equal(await statusOf('/pods', { token: 'wrong' }), 401)
    const stranger = await createAuthority('kubernetes')
    const user = await stranger.issue({ commonName: 'admin', organizations: ['system:masters'] })
    assert.equal(await statusOf('/pods', { user }), 401)
  })

  test('answers the admin whatever he asks', async () => {
    const user = cluster().files.admin
    for (const path of ['/pods', LOGS, '/metrics/resource', '/stats/summary', '/healthz']) {
      assert.equal(await statusOf(path, { user }), 200, path)
    }
  })

  test("answers the API server's own certificate", async () => {
    const { certificate, key } = cluster().files.kubeletClient
    const user = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
    assert.equal(await statusOf(LOGS, { user }), 200)
  })

  test('gives a service account what its role allows and nothing else', async () => {
    const allowed = async (account: string, paths: readonly string[]) => {
      const token = await cluster().tokenOf('default', account)
      return await Promise.all(paths.map((path) => statusOf(path, { token })))
    }
    const paths = ['/metrics/resource', '/pods', LOGS, '/stats/summary']
    assert.deepEqual(await allowed('scraper', paths), [200, 403, 403, 403])
    assert.deepEqual(await allowed('lister', paths), [403, 200, 403, 403])
    assert.deepEqual(await allowed('nobody', paths), [403, 403, 403, 403])
  })

  test('opens each route to each right that leads there, and to no other', async () => {
    const rights = [...new Set(ROUTES.flatMap(([, openedBy]) => openedBy))]
    const tokens = await Promise.all(rights.map(async (right) => await accountWith(right)))
    for (const [path, openedBy, status = 200] of ROUTES) {
      const found = await Promise.all(tokens.map((token) => statusOf(path, { token })))
      const expected = rights.map((right) => (openedBy.includes(right) ? status : 403))
      assert.deepEqual(found, expected, `${path} for ${rights.join(', ')}`)
    }
  })

  /** A token of a new service account that may read this one subresource of nodes. */
  async function accountWith(subresource: string): Promise<string> {
    const name = `only-${subresource}`
    await cluster().create(serviceAccount(name))
    await allow(name, subresource)
    return await cluster().tokenOf('default', name)
  }

  test('serves logs: tail, since, timestamps, follow until the end', async () => {
    const script = 'for i in 1 2 3 4 5; do echo "line $i"; done; sleep 3; echo last'
    await pods.create({
      name: 'writer',
      spec: { restartPolicy: 'Never', containers: [shell(script)] },
    })
    await pods.untilLogged('writer', /line 5/)
    assert.equal(
      await pods.logs('writer', { follow: true }),
      'line 1\nline 2\nline 3\nline 4\nline 5\nlast\n',
    )
    assert.equal(await pods.logs('writer', { tailLines: 2 }), 'line 5\nlast\n')
    assert.match(
      await pods.logs('writer', { tailLines: 1, timestamps: true }),
      /^\d{4}-\S+Z last\n$/,
    )
    assert.equal(await pods.logs('writer', { limitBytes: 6 }), 'line 1')
    assert.equal(await pods.logs('writer', { sinceSeconds: 3600, tailLines: 1 }), 'last\n')
  })

  test('serves the same to kubectl', { skip: kubectlSkipReason }, async () => {
    const logs = async (...flags: string[]) =>
      (await cluster().kubectl(['logs', 'writer', ...flags])).stdout
    assert.equal(await logs('-f'), 'line 1\nline 2\nline 3\nline 4\nline 5\nlast\n')
    assert.equal(await logs('--tail=2'), 'line 5\nlast\n')
    assert.match(await logs('--tail=1', '--timestamps'), /^\d{4}-\S+Z last\n$/)
    assert.equal(await logs('--limit-bytes=6'), 'line 1')
    assert.equal(await logs('--since=1h', '--tail=1'), 'last\n')
  })

  test('lists its pods and their usage through the API server', async () => {
    const proxy = `/api/v1/nodes/${node.nodeName}/proxy`
    const read = async (path: string) => await cluster().api<unknown>('GET', `${proxy}${path}`)
    assert.match(JSON.stringify(await read('/pods')), /talker/)
    await eventually(async () => /talker/.test(JSON.stringify(await read('/stats/summary'))), {
      what: 'the figures of the pod',
    })
    assert.match(String(await read('/metrics/resource')), /^node_cpu_usage_seconds_total/m)
  })
})
