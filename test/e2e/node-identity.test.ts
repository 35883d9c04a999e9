// SPDX-License-Identifier: Apache-2.0
//
// A node that comes with nothing but a bootstrap token: it gets a client certificate from the cluster,
// is a node like any other, and gets a serving certificate when somebody approves its request.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { eventually } from './eventually.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const TOKEN_ID = 'abcdef'
const TOKEN_SECRET = '0123456789abcdef'
const CERTIFICATES = 'system:certificates.k8s.io:certificatesigningrequests'

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
    node = await start()
  })

  async function start(): Promise<VirtualKubelet> {
    return await startProcessNode(cluster(), {
      nodeName: 'joiner',
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
    const literals = Object.entries(data).map(([key, value]) => `--from-literal=${key}=${value}`)
    const type = '--type=bootstrap.kubernetes.io/token'
    const name = `bootstrap-token-${TOKEN_ID}`
    const create = ['create', 'secret', 'generic', name, '-n', 'kube-system', type]
    await cluster().kubectl([...create, ...literals])
  }

  async function grant(name: string, role: string, group: string): Promise<void> {
    const flags = [`--clusterrole=${role}`, `--group=${group}`]
    await cluster().kubectl(['create', 'clusterrolebinding', name, ...flags])
  }

  async function requests(signer: string): Promise<readonly Request[]> {
    const { stdout } = await cluster().kubectl(['get', 'csr', '-o', 'json'])
    const { items } = JSON.parse(stdout) as { readonly items: readonly Request[] }
    return items.filter(({ spec }) => spec.signerName === signer)
  }

  /** Is the certificate on the node's port good for its address, as metrics-server would ask? */
  async function isVerified(): Promise<boolean> {
    const ca = readFileSync(cluster().caFile)
    const { nodeIp: host, kubeletPort: port } = node
    const socket = connect({ host, port, ca, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const isGood = socket.authorized
    socket.destroy()
    return isGood
  }

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
      const [request] = await requests('kubernetes.io/kubelet-serving')
      assert.equal(request?.spec.username, 'system:node:joiner')
      await cluster().kubectl(['certificate', 'approve', request.metadata.name])
    }
    await eventually(isVerified, { what: 'the certificate of the cluster on the port' })
  })

  test('starts again as itself when the token is gone', async () => {
    await node[Symbol.asyncDispose]()
    await cluster().kubectl([
      'delete',
      'secret',
      `bootstrap-token-${TOKEN_ID}`,
      '-n',
      'kube-system',
    ])
    node = await start()
    assert.equal(await isVerified(), true)
    assert.equal((await requests('kubernetes.io/kube-apiserver-client-kubelet')).length, 1)
    assert.ok(existsSync(join(node.rootDir, 'nodes/joiner/kubeconfig')))
    assert.match(await pods.logs('first'), /hello/)
  })
})
