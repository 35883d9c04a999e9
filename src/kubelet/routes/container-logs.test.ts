// SPDX-License-Identifier: Apache-2.0
// Logs over the wire: every refusal in the kubelet's words, and streams that are slow, silent or left.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'
import { open } from '../../../test/support/kubelet-request.ts'
import { podWith, stubNode } from '../../../test/support/kubelet-stubs.ts'
import { tries } from '../../../test/support/test-size.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import type { PodProvider } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import type { VkErrorCode } from '../../util/vk-error.ts'

const startMs = Date.UTC(2026, 0, 1)
const running = { state: { running: {} } }
const web = podWith('web', [running, { state: { waiting: { reason: 'PodInitializing' } } }])

function nodeWith(logs: PodProvider['logs'], pods: readonly Pod[] = [web]) {
  return stubNode(pods, { logs })
}

function lines(...texts: readonly string[]): LogBatch {
  return {
    isLive: false,
    entries: texts.map((text, i) => ({
      timeMs: startMs + i * 1000,
      stream: 'stdout',
      bytes: Buffer.from(`${text}\n`),
    })),
  }
}

const threeLines = async function* (): AsyncGenerator<LogBatch> {
  yield lines('one', 'two', 'three')
}

const answers: readonly (readonly [string, number, string])[] = [
  ['/containerLogs/default/web/c0', 200, 'one\ntwo\nthree\n'],
  ['/containerLogs/default/web/c0?tailLines=2', 200, 'two\nthree\n'],
  ['/containerLogs/default/web/c0?tail=1', 200, 'three\n'],
  ['/containerLogs/default/web/c0?tailLines=0', 200, ''],
  ['/containerLogs/default/web/c0?limitBytes=5', 200, 'one\nt'],
  ['/containerLogs/default/web/c0?sinceTime=2026-01-01T01:00:02%2B01:00', 200, 'three\n'],
  ['/containerLogs/default/web/c0?sinceSeconds=1', 200, ''],
  [
    '/containerLogs/default/web/c0?timestamps=true&tailLines=1',
    200,
    '2026-01-01T00:00:02.000000000Z three\n',
  ],
  ['/containerLogs/default/web/c0?tailLines=x', 400, '{"message": "Unable to decode query."}'],
  ['/containerLogs/default/web/c0?limitBytes=0', 422, '{"message": "Invalid request."}'],
  ['/containerLogs/default/web/c0?stream=Stdout', 400, '{"message": "Unable to decode query."}'],
  ['/containerLogs/default/nope/c0', 404, 'pod "nope" does not exist'],
  ['/containerLogs/other/web/c0', 404, 'pod "web" does not exist'],
  ['/containerLogs/../web/c0', 404, 'pod "web" does not exist'],
  ['/containerLogs/default/..%2f..%2fetc/c0', 404, 'pod "../../etc" does not exist'],
  ['/containerLogs/default/web/nope', 404, 'container "nope" not found in pod "web"'],
  [
    '/containerLogs/default/web/c0?previous=true',
    400,
    'previous terminated container "c0" in pod "web" not found',
  ],
  [
    '/containerLogs/default/web/c1',
    400,
    'container "c1" in pod "web" is waiting to start: PodInitializing',
  ],
  ['/containerLogs/default/web', 404, '404 page not found'],
  ['/containerLogs/default/web/c0/more', 404, '404 page not found'],
]

test('requests for logs are answered as a kubelet answers them', async () => {
  await using kubelet = await startKubelet({ node: nodeWith(threeLines) })
  for (const [path, status, body] of answers) {
    const reply = await kubelet.ask({ path })
    assert.deepEqual([reply.status, reply.body], [status, body], path)
    assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8', path)
    assert.equal(reply.headers['x-content-type-options'], 'nosniff')
  }
})

test('the backend is asked for the right run, with hints that lose nothing', async () => {
  const asked: LogQuery[] = []
  const logs: PodProvider['logs'] = (_ref, _container, query) => {
    asked.push(query)
    return threeLines()
  }
  const crashing = {
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1 } },
  }
  const node = nodeWith(logs, [podWith('web', [running, crashing])])
  await using kubelet = await startKubelet({ node })
  const since = 'sinceTime=2026-01-01T00:00:01Z'
  await kubelet.ask({ path: `/containerLogs/default/web/c0?${since}` })
  await kubelet.ask({ path: `/containerLogs/default/web/c1?${since}&tailLines=1&follow=true` })
  assert.deepEqual(asked, [
    { previous: false, follow: false, sinceMs: startMs + 1000 },
    { previous: true, follow: true, tailLines: 1 },
  ])
})

test('a backend that fails before its first entry gives the answer its status', async () => {
  const cases: readonly (readonly [VkErrorCode, number])[] = [
    ['NotFound', 404],
    ['Invalid', 400],
    ['Internal', 500],
    ['Unavailable', 503],
  ]
  for (const [code, status] of cases) {
    const logs = async function* (): AsyncGenerator<LogBatch> {
      if (code) throw new VkError(code, 'Cannot read the log: it is elsewhere')
      yield lines()
    }
    await using kubelet = await startKubelet({ node: nodeWith(logs) })
    for (const path of [
      '/containerLogs/default/web/c0',
      '/containerLogs/default/web/c0?follow=1',
    ]) {
      const reply = await kubelet.ask({ path })
      assert.deepEqual([reply.status, reply.body], [status, 'Cannot read the log: it is elsewhere'])
    }
  }
})

test('a backend that fails in the middle ends the body short', async () => {
  const logs = async function* (): AsyncGenerator<LogBatch> {
    yield lines('one')
    throw new Error('lost')
  }
  await using kubelet = await startKubelet({ node: nodeWith(logs) })
  await assert.rejects(kubelet.ask({ path: '/containerLogs/default/web/c0' }), /aborted/)
})

test('a silent log that is followed is answered at once, and ended when the caller leaves', async () => {
  const ended = Promise.withResolvers<void>()
  const logs: PodProvider['logs'] = async function* (_ref, _container, _query, { signal }) {
    yield { isLive: true, entries: [] }
    await once(signal, 'abort')
    ended.resolve()
  }
  await using kubelet = await startKubelet({ node: nodeWith(logs) })
  const path = '/containerLogs/default/web/c0?follow=true'
  const response = await open({ port: kubelet.port, path })
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['transfer-encoding'], 'chunked')
  response.destroy()
  await ended.promise
})

test('a log that does not answer at all is given a head soon and does not hold up the end', async () => {
  const logs: PodProvider['logs'] = async function* () {
    await new Promise<void>(() => {
      // A backend that hangs and does not look at its signal.
    })
    yield lines()
  }
  const kubelet = await startKubelet({ node: nodeWith(logs) })
  const path = '/containerLogs/default/web/c0?follow=true'
  const response = await open({ port: kubelet.port, path })
  assert.equal(response.statusCode, 200)
  // The body ends short, which is an error to its reader.
  const closed = assert.rejects(once(response, 'close'), /aborted/)
  await kubelet[Symbol.asyncDispose]()
  await closed
})

test('what is written while it is followed arrives line by line', async () => {
  const next = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const logs: PodProvider['logs'] = async function* () {
    yield lines('stored')
    yield { isLive: true, entries: [] }
    for (const { promise } of next) yield { ...lines(await promise), isLive: true }
  }
  await using kubelet = await startKubelet({ node: nodeWith(logs) })
  const path = '/containerLogs/default/web/c0?follow=true&tailLines=5'
  const response = await open({ port: kubelet.port, path })
  const body = response[Symbol.asyncIterator]()
  const read = async () => String((await body.next()).value)
  assert.equal(await read(), 'stored\n')
  next[0]?.resolve('first')
  assert.equal(await read(), 'first\n')
  next[1]?.resolve('second')
  assert.equal(await read(), 'second\n')
  assert.equal((await body.next()).done, true)
})

test('a reader who does not read holds the backend back', async () => {
  const ended = Promise.withResolvers<void>()
  const batch = lines(...Array.from({ length: 64 }, () => 'x'.repeat(16 * 1024 - 1)))
  const total = tries(200, 80)
  let batches = 0
  let wakeUp = () => {}
  const logs: PodProvider['logs'] = async function* () {
    try {
      while (batches < total) {
        batches++
        yield batch
        wakeUp()
      }
    } finally {
      ended.resolve()
    }
  }
  await using kubelet = await startKubelet({ node: nodeWith(logs) })
  const path = '/containerLogs/default/web/c0'
  const response = await open({ port: kubelet.port, path })
  response.pause()
  // Until the sender stands still: nothing moves for many turns of the loop.
  let seen = -1
  while (seen !== batches) {
    seen = batches
    const moved = new Promise<void>((resolve) => {
      wakeUp = resolve
    })
    await Promise.race([moved, manyTurns()])
  }
  assert.ok(batches < total / 2, `${batches} MiB were taken from the backend`)
  let received = 0
  for await (const chunk of response) received += (chunk as Buffer).length
  assert.equal(received, total * 64 * 16 * 1024)
  await ended.promise
})

async function manyTurns(): Promise<void> {
  for (let i = 0; i < 2000; i++) await new Promise((resolve) => setImmediate(resolve))
}
