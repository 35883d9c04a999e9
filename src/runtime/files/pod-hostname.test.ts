// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../kube/types.gen.ts'
import { kernelHostname, podHostname } from './pod-hostname.ts'

const metadata = { namespace: 'shop', name: 'web-0', uid: 'u' }

function podWith(spec: Partial<PodSpec>, name = metadata.name) {
  return { metadata: { ...metadata, name }, spec: { containers: [], ...spec } }
}

function nameOf(spec: Partial<PodSpec>, name?: string) {
  return podHostname(podWith(spec, name), 'cluster.local')
}

test('a pod is called by its name, or as its spec says', () => {
  assert.deepEqual(nameOf({}), { hostname: 'web-0', domain: '' })
  assert.deepEqual(nameOf({ hostname: 'db' }), { hostname: 'db', domain: '' })
})

test('a subdomain gives the pod a domain below its namespace', () => {
  assert.deepEqual(nameOf({ subdomain: 'web' }), {
    hostname: 'web-0',
    domain: 'web.shop.svc.cluster.local',
  })
})

test('hostnameOverride stands above all and has no domain', () => {
  const spec = { hostnameOverride: 'full.example.org', hostname: 'db', subdomain: 'web' }
  assert.deepEqual(nameOf(spec), { hostname: 'full.example.org', domain: '' })
})

test('a long name is cut to 63 characters and does not end with a dash or a dot', () => {
  assert.equal(nameOf({}, 'a'.repeat(70)).hostname, 'a'.repeat(63))
  assert.equal(nameOf({}, `${'a'.repeat(61)}-.b`).hostname, 'a'.repeat(61))
  assert.equal(nameOf({ hostnameOverride: 'b'.repeat(64) }).hostname, 'b'.repeat(63))
})

test("the kernel knows the short name, the full one on demand, and the host's on its network", () => {
  const kernel = (spec: Partial<PodSpec>) => kernelHostname(podWith(spec), 'cluster.local')
  assert.equal(kernel({ subdomain: 'web' }), 'web-0')
  assert.equal(
    kernel({ subdomain: 'web', setHostnameAsFQDN: true }),
    'web-0.web.shop.svc.cluster.local',
  )
  assert.equal(kernel({ setHostnameAsFQDN: true }), 'web-0')
  assert.equal(kernel({ hostNetwork: true, hostname: 'db' }), undefined)
})

test('a full name of 64 characters is as long as it gets', () => {
  const tail = '.web.shop.svc.cluster.local'
  const kernel = (length: number) =>
    kernelHostname(
      podWith({ subdomain: 'web', setHostnameAsFQDN: true }, 'a'.repeat(length - tail.length)),
      'cluster.local',
    )
  assert.equal(kernel(64)?.length, 64)
  assert.throws(() => kernel(65), {
    message:
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${'a'.repeat(38)}${tail} ` +
      'is too long (64 characters is the max, 65 characters requested)',
  })
})
