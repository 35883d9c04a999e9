// SPDX-License-Identifier: Apache-2.0
// Against a server that serves a pod's log over a real connection, and breaks it off.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fixedCredentials } from '../../kube/credentials.ts'
import type { ContainerState, Pod } from '../../kube/types.gen.ts'
import { systemClock } from '../../util/clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { ClusterAccess } from '../cluster-access.ts'
import type { TrackedPod } from './judge-run.ts'
import { PodLogs } from './pod-logs.ts'

type Answer = (request: URL, response: ServerResponse) => void

async function serve(answer: Answer) {
  const queries: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    queries.push(url.search)
    answer(url, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: 'default',
    source: 'test',
    tls: { isInsecure: false },
    headers: [],
    credentials: fixedCredentials({}),
  }
  const access = new ClusterAccess(connection, { log: silentLogger })
  return {
    access,
    queries,
    async [Symbol.asyncDispose]() {
      await access[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

const running: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } }
const ended = { terminated: { containerID: 'process://1', exitCode: 0 } } as ContainerState

function podWith(
  state: ContainerState,
  restartCount = 0,
  lastState: ContainerState = {},
): TrackedPod {
  const status = {
    name: 'main',
    image: '',
    imageID: '',
    ready: false,
    restartCount,
    state,
    lastState,
  }
  const pod = {
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: { containers: [{ name: 'main' }] },
    status: { phase: state.terminated ? 'Succeeded' : 'Running', containerStatuses: [status] },
  } as unknown as Pod
  return { pod, rootUid: 'r', isGone: false }
}

async function read(answer: Answer, pods: readonly TrackedPod[]) {
  const lines: string[] = []
  const problems: string[] = []
  await using server = await serve(answer)
  await using logs = new PodLogs(server.access, {
    clock: systemClock,
    onLine: (_source, line) => lines.push(line),
    onProblem: (_source, why) => problems.push(why),
  })
  for (const pod of pods) logs.update([pod])
  await logs.settled(AbortSignal.timeout(100_000))
  return { lines, problems, queries: server.queries }
}

test('a pod that has ended before it was noticed is read whole, its unfinished last line too', async () => {
  const { lines, queries } = await read(
    (_url, response) => response.end('one\ntwo\nrest'),
    [podWith(ended)],
  )
  assert.deepEqual(lines, ['one', 'two', 'rest'])
  assert.deepEqual(queries, ['?container=main&follow=true'])
})

test('a stream that breaks is opened again, and no line is lost or repeated', async () => {
  let requests = 0
  const { lines, problems } = await read(
    (_url, response) => {
      requests += 1
      if (requests > 1) response.end('one\ntwo\nthree\n')
      else response.write('one\ntw', () => response.destroy())
    },
    [podWith(running), podWith(ended)],
  )
  assert.deepEqual(lines, ['one', 'two', 'three'])
  assert.deepEqual(problems, [])
  assert.equal(requests, 2)
})

test('a restarted container is read as two lives, each once', async () => {
  const { lines } = await read(
    (url, response) => response.end(url.searchParams.has('previous') ? 'first\n' : 'second\n'),
    [podWith(ended, 1, ended), podWith(ended, 1, ended)],
  )
  assert.deepEqual(lines.toSorted(), ['first', 'second'])
})

test('a log that is not to be had is said to be incomplete', async () => {
  const refuse: Answer = (_url, response) => {
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ kind: 'Status', message: 'pods "p" not found' }))
  }
  const { lines, problems } = await read(refuse, [podWith(ended)])
  assert.deepEqual(lines, [])
  assert.match(problems.join(), /pods "p" not found/)
})
