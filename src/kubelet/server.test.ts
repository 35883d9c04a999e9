// SPDX-License-Identifier: Apache-2.0
// The routes of the kubelet API beside logs, and hostile requests, over real TLS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { servingPair, startKubelet } from '../../test/support/kubelet-fixture.ts'
import type { KubeletFixture } from '../../test/support/kubelet-fixture.ts'
import { open } from '../../test/support/kubelet-request.ts'
import { podWith, stubNode } from '../../test/support/kubelet-stubs.ts'
import type { ContainerStatus } from '../kube/types.gen.ts'
import { Metrics } from '../observe/metrics.ts'
import type { ObservedPod } from '../provider/provider.ts'
import type { PodStats } from '../provider/stats.ts'
import { UserError, VkError } from '../util/vk-error.ts'

const time = '2026-01-01T00:00:10.000Z'
const stats: PodStats = {
  podRef: { name: 'web', namespace: 'default', uid: 'uid-web' },
  startTime: '2026-01-01T00:00:00Z',
  containers: [
    {
      name: 'c0',
      startTime: '2026-01-01T00:00:01Z',
      cpu: { time, usageCoreNanoSeconds: 1_500_000_000 },
      memory: { time, workingSetBytes: 4096 },
      rootfs: { time, usedBytes: 1 },
    },
  ],
  network: { time, name: 'eth0', rxBytes: 1 },
}

test('/pods lists the pods as we see them', async () => {
  const pods = [podWith('a', [{}]), podWith('b', [{}])]
  await using kubelet = await startKubelet({ node: stubNode(pods) })
  for (const path of ['/pods', '/pods/']) {
    const reply = await kubelet.ask({ path })
    assert.equal(reply.headers['content-type'], 'application/json')
    assert.deepEqual(JSON.parse(reply.body), {
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: {},
      items: pods,
    })
  }
})

test('/pods of an empty node has null for its items', async () => {
  await using kubelet = await startKubelet()
  const { body } = await kubelet.ask({ path: '/pods' })
  assert.equal(body, '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}')
})

test('/runningpods lists what the backend runs, and of that only names and images', async () => {
  const status = (name: string, state: ContainerStatus['state']): ContainerStatus => ({
    name,
    image: `${name}-image`,
    imageID: 'id',
    ready: true,
    restartCount: 3,
    ...(state && { state }),
  })
  const observed = (name: string, containers: readonly ContainerStatus[]): ObservedPod => ({
    ref: { namespace: 'default', name, uid: `uid-${name}` },
    podIPs: ['10.0.0.1'],
    isSandboxReady: true,
    hasEnded: false,
    containers,
    initContainers: [],
    ephemeralContainers: [],
  })
  const listPods = async () => [
    observed('web', [status('c0', { running: {} }), status('c1', { waiting: {} })]),
    observed('ended', [status('c0', { terminated: { exitCode: 0 } })]),
    observed('new', []),
  ]
  await using kubelet = await startKubelet({ node: stubNode([], { listPods }) })
  for (const path of ['/runningpods', '/runningpods/']) {
    const { items, kind } = JSON.parse((await kubelet.ask({ path })).body)
    assert.equal(kind, 'PodList')
    assert.deepEqual(items, [
      {
        metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
        spec: { containers: [{ name: 'c0', image: 'c0-image', resources: {} }] },
        status: {},
      },
    ])
  }
})

test('/stats/summary tells all, or only CPU and memory', async () => {
  const nodeStats = async () => ({
    startTime: time,
    cpu: { time, usageNanoCores: 1 },
    fs: { time, capacityBytes: 9 },
  })
  const node = stubNode([], { podStats: async () => [stats], nodeStats })
  await using kubelet = await startKubelet({ node })
  const full = JSON.parse((await kubelet.ask({ path: '/stats/summary/' })).body)
  assert.equal(full.node.nodeName, 'node-1')
  assert.deepEqual(full.node.fs, { time, capacityBytes: 9 })
  assert.deepEqual(full.pods, [stats])
  const cut = { path: '/stats/summary?only_cpu_and_memory=true' }
  const form = {
    path: '/stats/summary',
    method: 'POST',
    body: 'only_cpu_and_memory=true',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '24' },
  }
  for (const request of [cut, form]) {
    const reply = JSON.parse((await kubelet.ask(request)).body)
    assert.deepEqual(reply.node.cpu, { time, usageNanoCores: 1 })
    assert.equal(reply.node.fs, undefined)
    assert.equal(reply.pods[0].network, undefined)
    assert.deepEqual(Object.keys(reply.pods[0].containers[0]), [
      'name',
      'startTime',
      'cpu',
      'memory',
    ])
  }
})

test('a backend that cannot tell its stats fails the summary and marks the metrics', async () => {
  const podStats = async () => {
    throw new VkError('Unavailable', 'Cannot read stats: gone')
  }
  await using kubelet = await startKubelet({ node: stubNode([], { podStats }) })
  const summary = await kubelet.ask({ path: '/stats/summary' })
  assert.deepEqual([summary.status, summary.body], [500, 'Internal Error: Cannot read stats: gone'])
  const metrics = await kubelet.ask({ path: '/metrics/resource' })
  assert.equal(metrics.status, 200)
  assert.match(metrics.body, /^resource_scrape_error 1$/m)
  assert.match(metrics.body, /^node_cpu_usage_seconds_total [0-9.]+ \d{13}$/m)
})

test('/metrics/resource is the text that metrics-server reads', async () => {
  const node = stubNode([], { podStats: async () => [stats] })
  await using kubelet = await startKubelet({ node })
  const reply = await kubelet.ask({ path: '/metrics/resource' })
  assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const labels = 'namespace="default",pod="web",container="c0"'
  const at = Date.parse(time)
  assert.ok(reply.body.includes(`\ncontainer_cpu_usage_seconds_total{${labels}} 1.5 ${at}\n`))
  assert.match(reply.body, /^resource_scrape_error 0$/m)
})

test('/metrics is the registry of the process', async () => {
  const metrics = new Metrics()
  metrics.nodeReady.set({ node: 'node-1' }, 1)
  await using kubelet = await startKubelet({ metrics })
  const reply = await kubelet.ask({ path: '/metrics' })
  assert.match(reply.body, /^vk_node_ready\{node="node-1"\} 1$/m)
  assert.match(reply.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
})

test('/healthz is ok, tells its checks when asked, and lists them when one fails', async () => {
  let failure: string | undefined
  const healthChecks = [{ name: 'syncloop', check: () => failure }]
  await using kubelet = await startKubelet({ healthChecks })
  const ok = await kubelet.ask({ path: '/healthz' })
  assert.deepEqual([ok.status, ok.body], [200, 'ok'])
  const verbose = '[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n'
  assert.equal((await kubelet.ask({ path: '/healthz?verbose' })).body, verbose)
  failure = 'the loop hangs'
  const failed = await kubelet.ask({ path: '/healthz' })
  const list = '[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n'
  assert.deepEqual([failed.status, failed.body], [500, list])
  const one = await kubelet.ask({ path: '/healthz/syncloop' })
  assert.deepEqual([one.status, one.body], [500, 'internal server error: the loop hangs\n'])
  const without = await kubelet.ask({ path: '/healthz?exclude=syncloop&exclude=x&verbose' })
  assert.deepEqual(
    [without.status, without.body],
    [
      200,
      '[+]ping ok\n[+]log ok\n[+]syncloop excluded: ok\n' +
        'warn: some health checks cannot be excluded: no matches for "x"\nhealthz check passed\n',
    ],
  )
  assert.equal((await kubelet.ask({ path: '/healthz/ping' })).body, 'ok')
  assert.equal((await kubelet.ask({ path: '/healthz/other' })).status, 404)
})

test('other methods of a route are refused and told which there are', async () => {
  await using kubelet = await startKubelet()
  for (const [method, path, allow] of [
    ['POST', '/pods', 'GET'],
    ['HEAD', '/pods', 'GET'],
    ['DELETE', '/stats/summary', 'GET, POST'],
    ['GET', '/run/default/web/c0', 'POST'],
    ['PATCH', '/containerLogs/default/web/c0', 'GET'],
  ] as const) {
    const reply = await kubelet.ask({ path, method })
    assert.deepEqual([reply.status, reply.headers.allow], [405, allow], `${method} ${path}`)
    if (method !== 'HEAD') assert.equal(reply.body, 'Method Not Allowed')
  }
})

test('with the debugging handlers off, whatever looks into a pod is 405', async () => {
  const server = { enableDebuggingHandlers: false }
  const node = stubNode([podWith('web', [{ state: { running: {} } }])])
  await using kubelet = await startKubelet({ node, server })
  for (const path of [
    '/run/default/web/c0',
    '/exec/default/web/c0',
    '/attach/default/web/uid/c0',
    '/portForward/default/web',
    '/containerLogs/default/web/c0',
    '/runningpods/',
    '/debug/pprof/heap',
    '/logs/messages',
  ]) {
    const reply = await kubelet.ask({ path })
    assert.deepEqual([reply.status, reply.body], [405, 'Debug endpoints are disabled.'], path)
  }
  for (const path of ['/healthz', '/pods', '/stats/summary', '/metrics/resource']) {
    assert.equal((await kubelet.ask({ path })).status, 200, path)
  }
})

test('hostile paths are a 4xx, never a redirect and never a crash', async () => {
  await using kubelet = await startKubelet()
  for (const path of [
    '/%',
    '/pods%zz',
    '/containerLogs/%ff/%fe/%fd',
    '//pods',
    '/../pods',
    '/pods/../healthz',
    '/PODS',
    '/pods;x',
    '/containerLogs/a/b/c%00',
    `/containerLogs/${'a'.repeat(2000)}/b/c`,
    `/${'x/'.repeat(5000)}`,
    '/__proto__',
    '/constructor/prototype',
    'http://other/%',
    '*',
  ]) {
    const { status } = await kubelet.ask({ path })
    assert.ok(status >= 400 && status < 500, `${path.slice(0, 40)}: ${status}`)
  }
  assert.equal((await kubelet.ask({ path: '/healthz' })).status, 200)
})

test('long headers are taken, and too long ones are 431', async () => {
  await using kubelet = await startKubelet()
  const command = 'command=x&'.repeat(20_000)
  const long = await kubelet.ask({ path: `/exec/default/web/c0?${command}` })
  assert.equal(long.status, 400)
  // What is still on its way when the server closes may cost the client the answer.
  const reply = await kubelet
    .ask({ path: '/healthz', headers: { 'x-long': 'x'.repeat(1024 * 1024) } })
    .catch(({ code }: { readonly code: string }) => ({ status: code }))
  assert.match(String(reply.status), /^(431|ECONNRESET|EPIPE)$/)
})

test('headers that come too slowly, or not at all, end the connection with 408', async () => {
  const limits = { headersTimeoutMs: 20, requestTimeoutMs: 20, checkIntervalMs: 5 }
  await using kubelet = await startKubelet({ server: { limits } })
  for (const start of ['', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-']) {
    const socket = tls.connect({ host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false })
    socket.write(start)
    assert.match(await text(socket), /^HTTP\/1\.1 408 /)
  }
})

test('a handshake that does not come ends the connection', async () => {
  const limits = { handshakeTimeoutMs: 20 }
  await using kubelet = await startKubelet({ server: { limits } })
  const socket = net.connect({ host: '127.0.0.1', port: kubelet.port })
  socket.on('error', () => {
    // Reset or closed, either way it is over.
  })
  const closed = once(socket, 'close')
  socket.resume()
  await closed
  // On a busy machine a good one takes longer now and then, too.
  while (!(await isServed(kubelet)));
})

test('a body that comes too slowly ends the connection with 408', async () => {
  const limits = { headersTimeoutMs: 20, requestTimeoutMs: 20, checkIntervalMs: 5 }
  await using kubelet = await startKubelet({ server: { limits } })
  const socket = tls.connect({ host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false })
  const type = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100'
  socket.write(`POST /stats/summary HTTP/1.1\r\nHost: x\r\n${type}\r\n\r\nonly`)
  assert.match(await text(socket), /^HTTP\/1\.1 408 /)
})

test('connections beyond the limit are dropped, and room is made when one goes', async () => {
  await using kubelet = await startKubelet({ server: { limits: { maxConnections: 1 } } })
  const target = { host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false }
  const holder = tls.connect(target)
  await once(holder, 'secureConnect')
  await assert.rejects(kubelet.ask({ path: '/healthz' }))
  const gone = once(holder, 'close')
  holder.end()
  await gone
  assert.equal((await kubelet.ask({ path: '/healthz' })).status, 200)
})

test('one address cannot take every connection, least of all without a name', async () => {
  const limits = { maxUnknownPerAddress: 2, maxConnectionsPerAddress: 3 }
  await using kubelet = await startKubelet({ server: { limits } })
  const target = { host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false }
  const strangers = [tls.connect(target), tls.connect(target)]
  await Promise.all(strangers.map((socket) => once(socket, 'secureConnect')))
  await assert.rejects(kubelet.ask({ path: '/healthz' }))
  const [first = assert.fail()] = strangers
  const answered = once(first, 'data')
  first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await answered
  assert.equal((await kubelet.ask({ path: '/healthz' })).status, 200)
  for (const socket of strangers) socket.destroy()
})

test('a body that is announced as too long is refused before it comes', async () => {
  await using kubelet = await startKubelet()
  const socket = tls.connect({ host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false })
  const length = `Content-Length: ${2 * 1024 * 1024}`
  socket.write(`POST /stats/summary HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n`)
  assert.match(await text(socket), /^HTTP\/1\.1 413 /)
})

test('what is no TLS, and what is no HTTP, harms nobody', async () => {
  await using kubelet = await startKubelet()
  const socket = tls.connect({ host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false })
  socket.write('\x00\x01\x02 nonsense\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 400 /)
  await assert.rejects(
    open({ port: kubelet.port, path: '/', isPlain: true }),
    /socket hang up|ECONNRESET|Parse Error/,
  )
  assert.equal((await kubelet.ask({ path: '/healthz' })).status, 200)
})

test('TLS before 1.2 is refused, and the certificate is the one given', async () => {
  await using kubelet = await startKubelet()
  const target = { host: '127.0.0.1', port: kubelet.port, rejectUnauthorized: false }
  const old = tls.connect({ ...target, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
  await assert.rejects(once(old, 'secureConnect'))
  const present = tls.connect({ ...target, ALPNProtocols: ['h2', 'http/1.1'] })
  await once(present, 'secureConnect')
  assert.equal(present.alpnProtocol, 'http/1.1')
  const { cert } = await servingPair()
  assert.equal(`${present.getPeerX509Certificate()?.toString()}`, cert)
  present.destroy()
})

test('two nodes have two servers in one process', async () => {
  await using first = await startKubelet({ node: stubNode([podWith('a', [])]) })
  await using second = await startKubelet({ node: stubNode([podWith('b', [])]) })
  assert.match((await first.ask({ path: '/pods' })).body, /"name":"a"/)
  assert.match((await second.ask({ path: '/pods' })).body, /"name":"b"/)
})

test('a port that is taken is told as such', async () => {
  await using kubelet = await startKubelet()
  await assert.rejects(startKubelet({ server: { port: kubelet.port } }), (error) => {
    assert.ok(error instanceof UserError)
    assert.match(error.message, /^Cannot open the kubelet API on 127\.0\.0\.1:\d+: .*EADDRINUSE/)
    assert.match(error.hint ?? '', /^Another node.*: choose another one with --kubelet-port/)
    return true
  })
})

test('a large list that nobody reads is ended with the server', async () => {
  const pods = Array.from({ length: 20_000 }, (_, i) => podWith(`pod-${i}`, [{}, {}]))
  const kubelet = await startKubelet({ node: stubNode(pods) })
  const response = await open({ port: kubelet.port, path: '/pods' })
  const ended = assert.rejects(once(response, 'close'), /aborted/)
  await kubelet[Symbol.asyncDispose]()
  response.resume()
  await ended
})

async function isServed(kubelet: KubeletFixture): Promise<boolean> {
  return await kubelet.ask({ path: '/healthz' }).then(
    ({ status }) => status === 200,
    () => false,
  )
}
