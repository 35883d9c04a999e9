// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'

async function valueOf({ registry }: Metrics, name: string): Promise<string | undefined> {
  return new RegExp(`^${name} (.*)$`, 'm').exec(await registry.metrics())?.[1]
}

test('the certificate that runs out first is told, and infinity where there is none', async () => {
  const metrics = new Metrics()
  const name = 'kubelet_certificate_manager_client_ttl_seconds'
  assert.equal(await valueOf(metrics, name), '+Inf')
  const first = metrics.certificates.track('client', () => 90.9)
  using _second = metrics.certificates.track('client', () => 3600)
  using _third = metrics.certificates.track('serving', () => 5)
  assert.equal(await valueOf(metrics, name), '90')
  first[Symbol.dispose]()
  assert.equal(await valueOf(metrics, name), '3600')
  assert.equal(await valueOf(metrics, 'kubelet_certificate_manager_server_ttl_seconds'), '5')
})

test('renewals and their failures are counted', async () => {
  const metrics = new Metrics()
  metrics.certificates.renewed('serving', 4000)
  metrics.certificates.failed('client')
  metrics.certificates.failed('client')
  const rotation = 'kubelet_certificate_manager_server_rotation_seconds'
  assert.equal(await valueOf(metrics, `${rotation}_sum`), '4000')
  const failures = 'kubelet_certificate_manager_client_expiration_renew_errors'
  assert.equal(await valueOf(metrics, failures), '2')
  assert.equal(await valueOf(metrics, 'kubelet_server_expiration_renew_errors'), '0')
})
