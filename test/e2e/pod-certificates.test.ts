// SPDX-License-Identifier: Apache-2.0
//
// Certificates of pods, and the authorities that a cluster trusts, against an API server that serves both; the test is
// the signer.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import assert from 'node:assert/strict'
import { webcrypto, X509Certificate, createPrivateKey } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { createAuthority } from './certificates.ts'
import { eventually } from './eventually.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'

const skip = planeKind === 'embedded' ? 'does not serve PodCertificateRequests' : skipReason
const requestsPath = '/apis/certificates.k8s.io/v1beta1/namespaces/default/podcertificaterequests'
const trustGates = ['ClusterTrustBundle', 'ClusterTrustBundleProjection']
const bundlesPath = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles'
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

interface Request {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly podName: string; readonly stubPKCS10Request: string }
}

describe('certificates of pods', { skip }, () => {
  const cluster = useCluster({
    apiServerArgs: [
      `--feature-gates=${['PodCertificateRequest', ...trustGates].map((gate) => `${gate}=true`).join()}`,
      `--runtime-config=${['podcertificaterequests', 'clustertrustbundles'].map((name) => `certificates.k8s.io/v1beta1/${name}=true`).join()}`,
    ],
  })
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
  })

  const podWith = (name: string) => {
    const podCertificate = {
      signerName: 'example.com/test',
      keyType: 'ED25519',
      credentialBundlePath: 'bundle.pem',
    }
    const container = shell('cat "$VK_VOLUME_OWN/bundle.pem"; sleep 0.2')
    return {
      name,
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'own', projected: { sources: [{ podCertificate }] } }],
        containers: [{ ...container, volumeMounts: [{ name: 'own', mountPath: '/own' }] }],
      },
    }
  }

  const requestOf = async (podName: string): Promise<Request> =>
    await eventually(
      async () => {
        const { items } = await cluster().api<{ readonly items: readonly Request[] }>(
          'GET',
          requestsPath,
        )
        return items.find(({ spec }) => spec.podName === podName)
      },
      { what: 'the request' },
    )

  const answer = async ({ metadata }: Request, status: object): Promise<void> => {
    await cluster().api('PATCH', `${requestsPath}/${metadata.name}/status`, {
      contentType: 'application/merge-patch+json',
      body: { status },
    })
  }
  const condition = (type: string, message: string) => ({
    type,
    status: 'True',
    reason: 'Test',
    message,
    lastTransitionTime: new Date().toISOString(),
  })

  test('a pod starts with the key and the chain of its own certificate', async () => {
    await pods.create(podWith('certified'))
    const request = await requestOf('certified')
    const asked = new x509.Pkcs10CertificateRequest(
      Buffer.from(request.spec.stubPKCS10Request, 'base64'),
    )
    const nowMs = Math.floor(Date.now() / 1000) * 1000
    const [notBefore, notAfter] = [new Date(nowMs), new Date(nowMs + 2 * 3_600_000)]
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.create({
      subject: 'CN=certified',
      issuer: 'CN=test',
      notBefore,
      notAfter,
      publicKey: asked.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
    })
    await answer(request, {
      conditions: [condition('Issued', '')],
      certificateChain: `${certificate.toString('pem')}\n`,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      beginRefreshAt: new Date(nowMs + 3_600_000).toISOString(),
    })
    await pods.untilPhase('certified', 'Succeeded')
    const bundle = await pods.logs('certified')
    const own = new X509Certificate(bundle.slice(bundle.indexOf('-----BEGIN CERTIFICATE-----')))
    assert.equal(own.checkPrivateKey(createPrivateKey(bundle)), true)
    assert.equal(own.subject, 'CN=certified')
  })

  test('a pod has the authorities that the cluster trusts, and waits for them', async () => {
    const clusterTrustBundle = { name: 'roots', path: 'ca.pem' }
    const container = shell(
      'until grep -c BEGIN "$VK_VOLUME_OWN/ca.pem" | grep 2; do sleep 0.1; done',
    )
    await pods.create({
      name: 'trusting',
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'own', projected: { sources: [{ clusterTrustBundle }] } }],
        containers: [{ ...container, volumeMounts: [{ name: 'own', mountPath: '/own' }] }],
      },
    })
    const missing = /volume "own" : .*clustertrustbundle.* "?roots"? not found$/i
    await pods.untilEvent('trusting', 'FailedMount', missing)
    const [first, second] = await Promise.all([createAuthority('one'), createAuthority('two')])
    const trustBundle = [first, second].map(({ certificate }) => `${certificate.trim()}\n`).join('')
    await cluster().api('POST', bundlesPath, {
      body: {
        apiVersion: 'certificates.k8s.io/v1beta1',
        kind: 'ClusterTrustBundle',
        metadata: { name: 'roots' },
        spec: { trustBundle },
      },
    })
    await pods.untilPhase('trusting', 'Succeeded')
    assert.equal(await pods.logs('trusting'), '2\n')
  })

  test('a pod whose certificate is denied waits, and says why', async () => {
    await pods.create(podWith('denied'))
    const request = await requestOf('denied')
    await answer(request, { conditions: [condition('Denied', 'not this one')] })
    const event = await pods.untilEvent('denied', 'Denied')
    assert.match(event.message ?? '', /was denied, reason="Test", message="not this one"$/)
    await pods.untilEvent('denied', 'FailedMount', /volume "own"/)
  })
})
