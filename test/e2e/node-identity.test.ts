// SPDX-License-Identifier: Apache-2.0
//
// A node that comes with nothing but a bootstrap token: it gets a client certificate from the cluster,
// is a node like any other, and gets a serving certificate when somebody approves its request.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { List } from './pods.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { isServingVerified } from './serving-certificate.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const TOKEN_ID = 'abcdef'
const TOKEN_SECRET = '0123456789abcdef'
const CERTIFICATES = 'system:certificates.k8s.io:certificatesigningrequests'

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'

interface Request {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly signerName: string; readonly username: string }
  readonly status: { readonly certificate?: string }
}

describe('a node that joins with a token', { skip: skipReason }, () => {
  const cluster = useCluster({ apiServerArgs: ['--enable-bootstrap-token-auth'] })
  const pods = new Pods(cluster)
  let bootstrapKubeconfig: string
  let node: VirtualKubelet

  before(async () => {
    await makeToken()
    // What kubeadm does: tokens may join, nodes may renew. An embedded cluster has this from the start.
    await grant('join', 'system:node-bootstrapper', 'system:bootstrappers')
    await grant('approve-join', `${CERTIFICATES}:nodeclient`, 'system:bootstrappers')
    await grant('approve-renewal', `${CERTIFICATES}:selfnodeclient`, 'system:nodes')
    bootstrapKubeconfig = join(cluster().files.folder, 'kubeconfigs', 'bootstrap.kubeconfig')
    const token = `${TOKEN_ID}.${TOKEN_SECRET}`
    writeKubeconfig(bootstrapKubeconfig, cluster().files.endpoint, { token })
    await untilMayJoin(token)
    node = await start()
  })

  async function start(nodeIp = cluster().addAddress()): Promise<VirtualKubelet> {
    return await startProcessNode(cluster(), {
      nodeName: 'joiner',
      nodeIp,
      hasServingCertificate: false,
      args: ['--bootstrap-kubeconfig', bootstrapKubeconfig, '--rotate-server-certificates'],
    })
  }

  async function makeToken(): Promise<void> {
    const data = {
      'token-id': TOKEN_ID,
      'token-secret': TOKEN_SECRET,
      'usage-bootstrap-authentication': 'true',
    }
    await cluster().create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `bootstrap-token-${TOKEN_ID}`, namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: data,
    })
  }

  async function grant(name: string, role: string, group: string): Promise<void> {
    const apiGroup = 'rbac.authorization.k8s.io'
    await cluster().create({
      apiVersion: `${apiGroup}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup, kind: 'Group', name: group }],
    })
  }

  /** kube-apiserver learns of tokens and bindings by watches of its own. */
  async function untilMayJoin(token: string): Promise<void> {
    await using joining = cluster().clientWith({ token })
    const resourceAttributes = {
      verb: 'create',
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
    }
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    await eventually(
      async () =>
        (await joining.call<{ status: { allowed: boolean } }>('POST', path, { body })).status
          .allowed,
      { what: 'the token to be allowed to join' },
    )
  }

  async function requests(signer: string): Promise<readonly Request[]> {
    const { items } = await cluster().api<List<Request>>('GET', REQUESTS)
    return items.filter(({ spec }) => spec.signerName === signer)
  }

  const isVerified = async () => await isServingVerified(cluster(), node)

  test('gets its own client certificate and runs pods with it', async () => {
    const [request] = await requests('kubernetes.io/kube-apiserver-client-kubelet')
    assert.equal(request?.spec.username, `system:bootstrap:${TOKEN_ID}`)
    assert.match(request.metadata.name, /^node-csr-/)
    const file = join(node.rootDir, 'nodes/joiner/pki/kubelet-client-current.pem')
    const certificate = new X509Certificate(readFileSync(file))
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:joiner')
    await pods.create({ name: 'first', spec: { containers: [shell('echo hello; sleep 600; :')] } })
    await pods.untilLogged('first', /hello/)
  })

  test('serves with a certificate of the cluster once its request is approved', async () => {
    if (process.env['VK_E2E_CONTROL_PLANE'] !== 'embedded') {
      assert.equal(await isVerified(), false)
      assert.match(node.log(), /self-signed/)
      const [request] = await eventually(
        async () => {
          const list = await requests('kubernetes.io/kubelet-serving')
          return list.length > 0 && list
        },
        { what: 'the request for a serving certificate' },
      )
      assert.equal(request?.spec.username, 'system:node:joiner')
      await cluster().patch(`${REQUESTS}/${request.metadata.name}/approval`, {
        status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Test' }] },
      })
    }
    await eventually(isVerified, { what: 'the certificate of the cluster on the port' })
  })

  test('starts again as itself when the token is gone', async () => {
    await node[Symbol.asyncDispose]()
    await cluster().delete(`/api/v1/namespaces/kube-system/secrets/bootstrap-token-${TOKEN_ID}`)
    node = await start(node.nodeIp)
    assert.equal(await isVerified(), true)
    assert.equal((await requests('kubernetes.io/kube-apiserver-client-kubelet')).length, 1)
    assert.ok(existsSync(join(node.rootDir, 'nodes/joiner/kubeconfig')))
    await pods.untilLogged('first', /hello/)
  })
})
