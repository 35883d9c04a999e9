// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import type { Resource } from '../kube/resources.ts'
import type { StoredMeta } from '../kube/types.gen.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { readTrustAnchors, type TrustBundleSelection } from './trust-bundles.ts'

interface LooseObject {
  readonly metadata: StoredMeta
  readonly spec: object
  readonly status?: object
}

const bundles: Resource<LooseObject> = {
  apiVersion: 'certificates.k8s.io/v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  isNamespaced: false,
}

function pem(text: string): string {
  const base64 = Buffer.from(text).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

async function read(
  trustBundles: Readonly<Record<string, string>>,
  selection: Partial<TrustBundleSelection>,
): Promise<string> {
  const client = new MemoryKubeClient()
  for (const [name, trustBundle] of Object.entries(trustBundles)) {
    const labels = { app: name }
    await client.create(bundles, {
      metadata: { name, labels },
      spec: { signerName: 'example.com/s', trustBundle },
    })
  }
  const reader = { client, clock: new FakeClock() }
  const { text } = await readTrustAnchors({ isOptional: false, ...selection }, reader)
  return text
}

test('one bundle by name, or all of a signer with each certificate once', async () => {
  const both = { a: pem('one') + pem('two'), b: `# a comment\n${pem('two')}` }
  assert.equal(await read(both, { name: 'b' }), pem('two'))
  const all = await read(both, { signerName: 'example.com/s', labelSelector: {} })
  assert.equal(all, [pem('one'), pem('two')].sort().join(''))
})

test('nothing selected is an error unless it is optional, also where bundles are not served', async () => {
  await assert.rejects(read({}, { name: 'a' }), { message: 'clustertrustbundle "a" not found' })
  await assert.rejects(read({ a: pem('one') }, { signerName: 'example.com/s' }), /matched zero/)
  assert.equal(await read({}, { name: 'a', isOptional: true }), '')
})
