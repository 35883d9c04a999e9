// SPDX-License-Identifier: Apache-2.0
// httpGet against real servers, well-behaved and hostile ones. Times are a standing clock's: what hangs is
// given up when the test says so.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { TestAuthority } from '../../../test/support/kubelet-certificates.ts'
import { FakeContainerRuntime } from '../../../test/support/fake-container-runtime.ts'
import type { HTTPGetAction } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { ProbeError } from './probe-order.ts'
import type { ProbeAnswer } from './probe-order.ts'
import { probeRunner } from './run-probe.ts'
import { tries } from '../../../test/support/test-size.ts'

const host = '127.0.0.1'

class Target implements AsyncDisposable {
  readonly port: number
  readonly requests: IncomingMessage[]
  /** Connections that are open now. */
  readonly open: Set<Socket>
  readonly #close: () => void

  private constructor(parts: {
    readonly port: number
    readonly requests: IncomingMessage[]
    readonly open: Set<Socket>
    readonly close: () => void
  }) {
    ;({ port: this.port, requests: this.requests, open: this.open, close: this.#close } = parts)
  }

  /** A server that answers with these statuses and headers in turn; the last one again and again. */
  static async http(
    ...answers: readonly {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }[]
  ): Promise<Target> {
    const requests: IncomingMessage[] = []
    const server = createHttpServer((request, response) => {
      const answer = answers[Math.min(requests.length, answers.length - 1)]
      requests.push(request)
      response.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body)
    })
    return await Target.#of(server, requests)
  }

  /** One that does with connections as it likes. */
  static async raw(behave: (socket: Socket) => void): Promise<Target> {
    return await Target.#of(createServer(behave), [])
  }

  static async tls(): Promise<Target> {
    const authority = await TestAuthority.create('nobody')
    const { cert, key } = await authority.issue({ usage: 'server', notAfter: new Date(0) })
    const requests: IncomingMessage[] = []
    const server = createTlsServer({ cert, key }, (request, response) => {
      requests.push(request)
      response.end('ok')
    })
    return await Target.#of(server, requests)
  }

  static async #of(
    server: ReturnType<typeof createServer>,
    requests: IncomingMessage[],
  ): Promise<Target> {
    const open = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket)).on('error', () => {})
    })
    server.listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return new Target({ port, requests, open, close: () => server.close() })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
    for (const socket of this.open) socket.destroy()
  }
}

const clock = new FakeClock()
const run = probeRunner({ runtime: new FakeContainerRuntime(clock), clock, log: silentLogger })

async function probe(port: number, action: Partial<HTTPGetAction> = {}): Promise<ProbeAnswer> {
  const pod = buildPod()
  const spec = buildContainer({ ports: [{ name: 'web', containerPort: port }] })
  const key = { pod: { namespace: 'ns', name: 'pod', uid: 'u' }, name: 'main', attempt: 0 }
  const httpGet = { port, ...action }
  const order = { key, pod, spec, probe: { httpGet }, podIP: host, timeoutMs: 1000 }
  return await run(order, new AbortController().signal)
}

const url = (port: number, path = '/'): string => `http://${host}:${port}${path}`
const failed = (output: string): ProbeAnswer => ({ result: 'failure', output })

test('200 to 399 is success, everything else a failure with its status', async () => {
  for (const [status, result] of [
    [200, 'success'],
    [204, 'success'],
    [299, 'success'],
    [304, 'warning'],
    [399, 'warning'],
    [400, 'failure'],
    [503, 'failure'],
  ] as const) {
    await using target = await Target.http({ status, body: 'secret' })
    const answer = await probe(target.port)
    assert.equal(answer.result, result, String(status))
    if (result === 'failure') {
      assert.equal(answer.output, `HTTP probe failed with statuscode: ${status}`)
    }
  }
})

test('the request is a kubelet’s, with the pod’s headers', async () => {
  await using target = await Target.http({ status: 200 })
  await probe(target.port, { path: '/a b?q=%zz&r=%20#f' })
  await probe(target.port, {
    port: 'web',
    path: 'healthz',
    httpHeaders: [
      { name: 'host', value: 'shop.example' },
      { name: 'X-Twice', value: '1' },
      { name: 'x-twice', value: '2' },
      { name: 'User-Agent', value: 'mine' },
      { name: 'accept', value: '' },
      { name: 'Content-Length', value: '7' },
    ],
  })
  const [plain, own] = target.requests
  assert.equal(plain?.url, '/a%20b?q=%25zz&r=%20')
  assert.deepEqual(plain.headers, {
    host: `${host}:${target.port}`,
    'user-agent': 'kube-probe/1.36',
    accept: '*/*',
    connection: 'close',
  })
  assert.equal(own?.url, '/healthz')
  assert.equal(own.method, 'GET')
  assert.deepEqual(own.headers, {
    host: 'shop.example',
    'user-agent': 'mine',
    'x-twice': '1, 2',
    connection: 'close',
  })
})

test('a redirect is followed on the host, whatever its port, and a name asked for stays', async () => {
  await using target = await Target.http({ status: 200 })
  await using first = await Target.http(
    { status: 302, headers: { location: '/next?x=1' } },
    { status: 307, headers: { location: url(target.port, '/end') } },
  )
  const httpHeaders = [{ name: 'Host', value: 'shop.example' }]
  assert.equal((await probe(first.port, { httpHeaders })).result, 'success')
  const asked = [...first.requests, ...target.requests]
  assert.deepEqual(
    asked.map((request) => [request.url, request.headers.host]),
    [
      ['/', 'shop.example'],
      ['/next?x=1', 'shop.example'],
      ['/end', `${host}:${target.port}`],
    ],
  )
})

test('a redirect that leaves the host is a success with a warning', async () => {
  const headers = { location: 'http://localhost:1/' }
  await using target = await Target.http({ status: 301, headers, body: 'Moved' })
  assert.deepEqual(await probe(target.port), {
    result: 'warning',
    output: 'Probe terminated redirects, Response body: Moved',
  })
})

test('ten requests are made and no more', async () => {
  await using target = await Target.http({ status: 302, headers: { location: '/again' } })
  assert.deepEqual(await probe(target.port), failed('Get "/again": stopped after 10 redirects'))
  assert.equal(target.requests.length, 10)
})

test('a redirect to something else than HTTP is a failure', async () => {
  await using target = await Target.http({
    status: 302,
    headers: { location: `ftp://${host}:2121/x` },
  })
  const why = 'unsupported protocol scheme "ftp"'
  assert.deepEqual(await probe(target.port), failed(`Get "ftp://${host}:2121/x": ${why}`))
})

test('no certificate is looked at', async () => {
  await using target = await Target.tls()
  assert.equal((await probe(target.port, { scheme: 'HTTPS' })).result, 'success')
})

test('TLS that is none is told', async () => {
  await using target = await Target.http({ status: 200 })
  const why = 'http: server gave HTTP response to HTTPS client'
  const { output } = await probe(target.port, { scheme: 'HTTPS' })
  assert.equal(output, `Get "https://${host}:${target.port}/": ${why}`)
})

test('a port where nobody listens, a name that is none, a port that is none', async () => {
  const { port } = await unusedPort()
  assert.deepEqual(
    await probe(port),
    failed(`Get "${url(port)}": dial tcp ${host}:${port}: connect: connection refused`),
  )
  await assert.rejects(probe(port, { port: 'other' }), {
    message: 'strconv.Atoi: parsing "other": invalid syntax',
    state: 'unknown',
  })
  await assert.rejects(probe(port, { port: 70_000 }), { message: 'invalid port number: 70000' })
})

test('values that no header can hold are a failure and never sent', async () => {
  await using target = await Target.http({ status: 200 })
  const { result, output } = await probe(target.port, {
    httpHeaders: [{ name: 'X', value: 'a\r\nEvil: 1' }],
  })
  assert.deepEqual([result, /invalid header field value/.test(output)], ['failure', true])
  assert.equal(target.requests.length, 0)
})

/** What a server does, and what the probe says when its time is up. */
const hostile: Readonly<Record<string, readonly [(socket: Socket) => void, RegExp]>> = {
  'never answers': [
    () => {},
    /^Get "http:.*context deadline exceeded \(Client\.Timeout exceeded while awaiting headers\)$/,
  ],
  'stops in its headers': [
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nX-Slow: '),
    /while awaiting headers\)$/,
  ],
  'stops in its body': [
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'),
    /^context deadline exceeded \(Client\.Timeout or context cancellation while reading body\)$/,
  ],
  'says that it goes on, for ever': [
    (socket) => void socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
    /while awaiting headers\)$/,
  ],
}

for (const [what, [behave, text]] of Object.entries(hostile)) {
  test(`a server that ${what} is given up in time`, async () => {
    await using target = await Target.raw((socket) => {
      socket.once('data', () => {
        behave(socket)
        // Each of the tries of a probe that could not be made has its own time.
        setImmediate(() => setImmediate(() => void clock.advance(1000)))
      })
    })
    const answer = await probe(target.port).catch((error: unknown) => {
      assert(error instanceof ProbeError)
      assert.equal(error.state, 'failure')
      return failed(error.message)
    })
    assert.match(answer.output, text)
    assert.equal(clock.pending, 0)
  })
}

test('a body without end is read so far and no further', async () => {
  let sentBytes = 0
  await using target = await Target.raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const block = Buffer.alloc(64 * 1024, 'x')
    const pump = (): void => {
      while (!socket.destroyed && sentBytes < 1e9) {
        sentBytes += block.length
        if (!socket.write(block)) return void socket.once('drain', pump)
      }
    }
    pump()
  })
  const { result, output } = await probe(target.port)
  assert.equal(result, 'success')
  assert.equal(output.length, 10 * 1024)
  assert(sentBytes < 64 * 1024 * 1024)
})

test('headers without end, an answer that is none, and one that breaks off', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(2 * 1024 * 1024)}`, /response headers exceeded/],
    ['SSH-2.0-OpenSSH_9.9\r\n', /malformed HTTP response$/],
    ['', /: EOF$/],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', /^unexpected EOF$/],
  ]
  for (const [text, expected] of cases) {
    await using target = await Target.raw((socket) => {
      socket.once('data', () => socket.end(text))
    })
    const answer = await probe(target.port).catch((error: unknown) => {
      assert(error instanceof ProbeError)
      return failed(error.message)
    })
    assert.equal(answer.result, 'failure')
    assert.match(answer.output, expected)
  }
})

test('whatever bytes a server sends, a probe ends, and its connection too', async () => {
  const piece = fc.oneof(
    fc.constantFrom('HTTP/1.1 ', '200 OK\r\n', '302 Found\r\nLocation: ', '/x\r\n', '\r\n\r\n'),
    fc.constantFrom('Transfer-Encoding: chunked\r\n', 'Content-Length: 3\r\n', 'ffffffffff\r\n'),
    fc.constantFrom('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  let text = ''
  await using target = await Target.raw((socket) => {
    socket.once('data', () => socket.end(text, 'utf8'))
  })
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      text = pieces.join('')
      const answer = await probe(target.port).catch((error: unknown) => error)
      const isError = answer instanceof ProbeError
      assert(isError || ['success', 'warning', 'failure'].includes((answer as ProbeAnswer).result))
      assert.equal(clock.pending, 0)
    }),
    { numRuns: tries(200, 40) },
  )
  while (target.open.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

async function unusedPort(): Promise<{ readonly port: number }> {
  await using target = await Target.raw(() => {})
  return { port: target.port }
}
