// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'

const about = {
  version: 'v1.36.3-vk-0.1.0',
  configuration: { kind: 'KubeletConfiguration', port: 10_250 },
  flags: { 'kubelet-port': '10250', address: '0.0.0.0' },
}

test('/configz has the configuration under the name that clients look for', async () => {
  await using kubelet = await startKubelet({ server: { about } })
  const reply = await kubelet.ask({ path: '/configz' })
  assert.equal(reply.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(reply.body), { kubeletconfig: about.configuration })
})

test('/flagz and /statusz are text, or structured for those who name the form', async () => {
  await using kubelet = await startKubelet({ server: { about } })
  const flagz = await kubelet.ask({ path: '/flagz' })
  assert.match(
    flagz.body,
    /^\nkubelet flagz\nWarning: .*\naddress=0\.0\.0\.0\nkubelet-port=10250\n$/,
  )
  const statusz = await kubelet.ask({ path: '/statusz', headers: { accept: '*/*' } })
  assert.match(statusz.body, /^Binary version: v1\.36\.3-vk-0\.1\.0$/m)
  assert.match(statusz.body, /^Paths: .*\/configz .*\/pods /m)
  const structured = (kind: string, version: string) => ({
    accept: `application/json;v=${version};g=config.k8s.io;as=${kind}`,
  })
  const flags = await kubelet.ask({ path: '/flagz', headers: structured('Flagz', 'v1beta1') })
  assert.deepEqual(JSON.parse(flags.body), {
    kind: 'Flagz',
    apiVersion: 'config.k8s.io/v1beta1',
    metadata: { name: 'kubelet' },
    flags: about.flags,
  })
  const status = await kubelet.ask({ path: '/statusz', headers: structured('Statusz', 'v1alpha1') })
  assert.equal(JSON.parse(status.body).binaryVersion, about.version)
  const wrong = await kubelet.ask({ path: '/statusz', headers: { accept: 'application/json' } })
  assert.equal(wrong.status, 406)
})

test('without debugging handlers only health, pods, stats and metrics are left', async () => {
  await using kubelet = await startKubelet({ server: { about, enableDebuggingHandlers: false } })
  const statusOf = async (path: string, method = 'GET') =>
    (await kubelet.ask({ path, method })).status
  const names = 'run exec attach portForward containerLogs runningpods debug/pprof logs'.split(' ')
  for (const name of names) {
    for (const path of [`/${name}/`, `/${name}/a/b/c`]) {
      const reply = await kubelet.ask({ path, method: name === 'run' ? 'POST' : 'GET' })
      assert.deepEqual([reply.status, reply.body], [405, 'Debug endpoints are disabled.'], path)
    }
  }
  for (const path of ['/configz', '/flagz', '/statusz', '/checkpoint/a/b/c', '/debug/flags/v']) {
    assert.equal(await statusOf(path), 404, path)
  }
  for (const path of ['/healthz', '/healthz/syncloop', '/pods', '/stats/summary', '/metrics']) {
    assert.equal(await statusOf(path), 200, path)
  }
})

test('routes for reading answer nothing else, and say so', async () => {
  await using kubelet = await startKubelet({ server: { about } })
  for (const path of ['/configz', '/flagz', '/pods', '/metrics/cadvisor', '/healthz', '/metrics']) {
    const reply = await kubelet.ask({ path, method: 'POST' })
    assert.deepEqual([reply.status, reply.headers.allow], [405, 'GET'], path)
  }
  assert.equal((await kubelet.ask({ path: '/checkpoint/a/b/c', method: 'POST' })).status, 404)
})
