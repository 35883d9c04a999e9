// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKubelet } from '../../test/support/kubelet-fixture.ts'
import { ask } from '../../test/support/kubelet-request.ts'
import { Metrics } from '../observe/metrics.ts'
import { silentLogger } from '../util/logger.ts'
import { startHealthServer } from './health-server.ts'
import { startMetricsServer } from './metrics-server.ts'

test('the health endpoint tells life and readiness apart, to everybody and in plain HTTP', async () => {
  let notReady: string | undefined = 'not registered'
  await using health = await startHealthServer({
    port: 0,
    healthChecks: [],
    readinessChecks: [{ name: 'node/node-1', check: () => notReady }],
    log: silentLogger,
  })
  const get = (path: string) => ask({ port: health.port, path, isPlain: true })
  assert.equal((await get('/healthz')).body, 'ok')
  const failed = await get('/readyz')
  const list = '[-]node/node-1 failed: reason withheld\nreadyz check failed\n'
  assert.deepEqual([failed.status, failed.body], [500, list])
  notReady = undefined
  assert.equal((await get('/readyz')).body, 'ok')
  assert.equal((await get('/readyz/node/node-1')).body, 'ok')
  assert.equal((await get('/pods')).status, 404)
})

test('metrics are plain on loopback', async () => {
  const options = { port: 0, metrics: new Metrics(), log: silentLogger }
  await using server = await startMetricsServer({ ...options, address: '127.0.0.1' })
  const reply = await ask({ port: server.port, path: '/metrics', isPlain: true })
  assert.match(reply.body, /vk_lease_renewals_total/)
  assert.equal((await ask({ port: server.port, path: '/pods', isPlain: true })).status, 404)
})

test('metrics on any other address need TLS and rights', async () => {
  const options = { port: 0, metrics: new Metrics(), log: silentLogger }
  await assert.rejects(startMetricsServer({ ...options, address: '0.0.0.0' }), /^UserError: Cannot/)
  await using kubelet = await startKubelet({
    security: {
      authentication: { authenticationTokenWebhook: true },
      authorizationMode: 'Webhook',
    },
  })
  const { client, security } = kubelet
  await using server = await startMetricsServer({ ...options, address: '0.0.0.0', security })
  client.tokens.set('good', { username: 'prometheus' })
  client.tokens.set('other', { username: 'somebody' })
  client.rights.add('prometheus get metrics')
  const status = async (token?: string) =>
    (await ask({ port: server.port, path: '/metrics', ...(token && { token }) })).status
  assert.deepEqual([await status(), await status('other'), await status('good')], [401, 403, 200])
  await assert.rejects(ask({ port: server.port, path: '/metrics', isPlain: true }))
})
