// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '../listener.ts'
import { HttpMetrics } from './http-metrics.ts'

const paths = [
  '/pods',
  '/exec/:namespace/:pod/:container',
  '/portForward/:namespace/:pod',
  '/metrics',
  '/metrics/cadvisor',
]

function exchange(method: string, url: string, upgrade?: string): Exchange {
  const request = { method, url, headers: { ...(upgrade && { upgrade }) } }
  return { request, ...(upgrade && { upgrade: {} }) } as unknown as Exchange
}

async function linesOf(metrics: HttpMetrics): Promise<readonly string[]> {
  return (await metrics.text()).split('\n')
}

test('requests are counted by method and the beginning of their path, and no caller adds names', async () => {
  const metrics = new HttpMetrics()
  const handle = metrics.counted(() => {}, paths)
  for (const [method, url] of [
    ['GET', '/pods?x=1'],
    ['GET', '/metrics'],
    ['GET', '/metrics/cadvisor'],
    ['POST', '/exec/default/web/main?command=secret'],
    ['BREW', '/made/up'],
    ['BREW', '/made/up/again'],
  ] as const) {
    await handle(exchange(method, url))
  }
  const counts = (await linesOf(metrics)).filter((line) => line.includes('requests_total{'))
  const labels = (method: string, path: string, long = 'false') =>
    `method="${method}",path="${path}",server_type="readwrite",long_running="${long}"`
  assert.deepEqual(
    counts,
    [
      [labels('GET', 'pods'), 1],
      [labels('GET', 'metrics'), 1],
      [labels('GET', 'metrics/cadvisor'), 1],
      [labels('POST', 'exec', 'true'), 1],
      [labels('other', 'other'), 2],
    ].map(([set, count]) => `kubelet_http_requests_total{${set}} ${count}`),
  )
})

test('a request counts as under way until it is answered, also when that fails', async () => {
  const metrics = new HttpMetrics()
  const { promise, reject } = Promise.withResolvers<void>()
  const handled = metrics.counted(() => promise, paths)(exchange('GET', '/pods'))
  const inFlight = async () =>
    (await linesOf(metrics)).find((line) => line.startsWith('kubelet_http_inflight_requests{'))
  assert.match((await inFlight()) ?? '', / 1$/)
  reject(new Error('broken'))
  await assert.rejects(async () => await handled, /broken/)
  assert.match((await inFlight()) ?? '', / 0$/)
  const durations = (await linesOf(metrics)).filter((line) => /seconds_count\{/.test(line))
  assert.match(durations.join(), / 1$/)
})

test('streams over WebSocket are counted by what they are', async () => {
  const metrics = new HttpMetrics()
  const handle = metrics.counted(() => {}, paths)
  await handle(exchange('GET', '/exec/a/b/c', 'WebSocket'))
  await handle(exchange('GET', '/portForward/a/b', 'websocket'))
  await handle(exchange('POST', '/exec/a/b/c', 'SPDY/3.1'))
  await handle(exchange('GET', '/pods', 'websocket'))
  const name = 'kubelet_websocket_streaming_requests_total'
  assert.deepEqual(
    (await linesOf(metrics)).filter((line) => line.startsWith(`${name}{`)),
    [`${name}{subresource="exec"} 1`, `${name}{subresource="portforward"} 1`],
  )
})
