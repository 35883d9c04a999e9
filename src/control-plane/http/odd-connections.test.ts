// SPDX-License-Identifier: Apache-2.0
// Connections that do what no client library does. Whatever happens on one of them, the others are served
// and the server finds nothing to complain about.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { buffer, text as readText } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { after, before, test } from 'node:test'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import { connectionFromKubeconfigText } from '../../../test/support/kubeconfig-connection.ts'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { silentLogger } from '../../util/logger.ts'
import type { Logger } from '../../util/logger.ts'

const mapsPath = '/api/v1/namespaces/default/configmaps'
const complaints: string[] = []
const log: Logger = {
  ...silentLogger,
  error: (fields) => {
    complaints.push(JSON.stringify(fields))
  },
}
let cluster: EmbeddedCluster
before(async () => {
  cluster = await startEmbeddedCluster({ log })
})
after(async () => {
  await cluster[Symbol.asyncDispose]()
})

function place() {
  const { hostname: host, port } = new URL(cluster.controlPlane.server)
  const { adminKubeconfig } = cluster.controlPlane
  const { ca, cert, key } = connectionFromKubeconfigText(adminKubeconfig)
  return { host, port: Number(port), ca, cert, key }
}

async function connected(): Promise<TLSSocket> {
  const socket = connectTls(place())
  // Being cut off is what many of these tests are about.
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** However it ends. */
async function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  await promise
}

/** Sends bytes, and returns all that comes until the connection ends. */
async function said(bytes: string | Buffer): Promise<string> {
  const socket = await connected()
  socket.write(bytes)
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  await closed(socket)
  return Buffer.concat(parts).toString()
}

async function isServing(): Promise<void> {
  const answer = await cluster.request(mapsPath)
  assert.equal(answer.status, 200)
  assert.deepEqual(complaints, [])
}

const ending = 'Host: a\r\nConnection: close\r\n'

test('requests sent all at once are answered in their order', async () => {
  const count = 50
  const requests = Array.from({ length: count }, (_, index) => {
    const last = index === count - 1 ? 'Connection: close\r\n' : ''
    return `GET ${mapsPath}/none-${index} HTTP/1.1\r\nHost: a\r\n${last}\r\n`
  })
  const answer = await said(requests.join(''))
  const names = [...answer.matchAll(/configmaps \\"none-(\d+)\\" not found/g)].map(([, n]) => n)
  assert.deepEqual(
    names,
    requests.map((_, index) => `${index}`),
  )
  await isServing()
})

const malformed: readonly (readonly [what: string, bytes: string | Buffer])[] = [
  ['no HTTP at all', Buffer.from([0, 1, 2, 3, 255, 254, 10, 13, 10])],
  ['a method of its own', `BREW / HTTP/1.1\r\n${ending}\r\n`],
  ['a version of its own', `GET / HTTP/9.9\r\n${ending}\r\n`],
  ['no path', `GET HTTP/1.1\r\n${ending}\r\n`],
  [
    'two lengths',
    `POST ${mapsPath} HTTP/1.1\r\n${ending}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  [
    'a length and chunks',
    `POST ${mapsPath} HTTP/1.1\r\n${ending}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['a negative length', `POST ${mapsPath} HTTP/1.1\r\n${ending}Content-Length: -1\r\n\r\n`],
  [
    'a chunk of no length',
    `POST ${mapsPath} HTTP/1.1\r\n${ending}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
  ],
  ['a header of 2 MB', `GET / HTTP/1.1\r\n${ending}X: ${'x'.repeat(2_000_000)}\r\n\r\n`],
  ['a path of 2 MB', `GET /${'x'.repeat(2_000_000)} HTTP/1.1\r\n${ending}\r\n`],
  ['a line break in a header', `GET / HTTP/1.1\r\n${ending}X: a\n\rb: c\r\n\r\n`],
  [
    'an unknown expectation',
    `POST ${mapsPath} HTTP/1.1\r\n${ending}Expect: miracles\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  ['the way to a proxy', `CONNECT example.com:443 HTTP/1.1\r\n${ending}\r\n`],
]

test('what is not HTTP is refused and hung up on', async () => {
  for (const [what, bytes] of malformed) {
    const answer = await said(bytes)
    assert.match(answer, /^(HTTP\/1\.[01] (4\d\d|505) |$)/, what)
    assert.doesNotMatch(answer, /HTTP\/1\.[01] (2|500)/, what)
  }
  await isServing()
})

test('upgrades to anything but a stream of a pod are refused with a Status', async () => {
  const upgrade = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const paths = [
    mapsPath,
    '/',
    '/api/v1/namespaces/default/pods/none/exec',
    '/api/v1/namespaces/default/pods/none/exec?command=a&stdout=1',
    '/api/v1/namespaces/default/pods/none/portforward',
    '/api/v1/namespaces/default/pods/none/log',
    '/%zz',
  ]
  for (const path of paths) {
    const answer = await said(`GET ${path} HTTP/1.1\r\n${upgrade}`)
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, path)
    assert.match(answer, /"kind":"Status"/, path)
  }
  await isServing()
})

const unfinished: readonly string[] = [
  '',
  'GET',
  'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ',
  `POST ${mapsPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"metadata":`,
  `POST ${mapsPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"met`,
  `GET ${mapsPath}?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n`,
]

test('clients that stop in the middle hold up nobody, whether they hang, half close or break', async () => {
  const sockets: TLSSocket[] = []
  for (const [index, text] of [...unfinished, ...unfinished, ...unfinished].entries()) {
    const socket = await connected()
    sockets.push(socket)
    socket.write(text)
    if (index % 3 === 0) socket.end()
    if (index % 3 === 1) setImmediate(() => socket.destroy())
  }
  await isServing()
  for (const socket of sockets) socket.destroy()
  await isServing()
})

test('a thousand connections that say nothing leave room for one that does', async () => {
  const { host, port } = place()
  const idle: Socket[] = []
  for (let count = 0; count < 980; count += 1) {
    const socket = connectTcp({ host, port })
    socket.on('error', () => {})
    idle.push(socket)
  }
  const known = await Promise.all(Array.from({ length: 20 }, connected))
  await isServing()
  for (const socket of [...idle, ...known]) socket.destroy()
  await isServing()
})

test('broken frames of HTTP/2 end their connection only', async () => {
  const random = seededRandom(7)
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  for (let count = 0; count < 20; count += 1) {
    const socket = connectTls({ ...place(), ALPNProtocols: ['h2'] })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    const noise = Buffer.from(Array.from({ length: 9 + random(60) }, () => random(256)))
    // A length that fits, so that the frame is looked at and not waited for.
    noise.set([0, 0, noise.length - 9, random(10)], 0)
    socket.end(Buffer.concat([Buffer.from(count % 4 === 0 ? '' : preface), noise]))
    socket.resume()
    await closed(socket)
  }
  await isServing()
})

function http2Session(): ClientHttp2Session {
  const { host, port, ca, cert, key } = place()
  const session = connectHttp2(`https://${host}:${port}`, { ca, cert, key })
  session.on('error', () => {})
  return session
}

async function http2Answer(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const stream = session.request({ ':path': mapsPath, ...headers })
  const responded = once(stream, 'response') as Promise<[{ ':status'?: number }]>
  if (body === undefined) stream.end()
  else stream.end(body)
  const [answer] = await responded
  return { status: answer[':status'] ?? 0, text: await readText(stream) }
}

test('streams of one HTTP/2 connection are served side by side, and may be reset', async () => {
  const session = http2Session()
  const answers = Array.from({ length: 200 }, async (_, index) => {
    const path = `${mapsPath}/none-${index}`
    if (index % 3 === 0) {
      const stream = session.request({ ':path': path })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    const { status, text } = await http2Answer(session, { ':path': path })
    assert.equal(status, 404)
    assert.match(text, new RegExp(`none-${index}\\b`))
  })
  await Promise.all(answers)
  session.close()
  await isServing()
})

test('bodies over HTTP/2 have the same bound, and those that stop are let go', async () => {
  const session = http2Session()
  const type = { ':method': 'POST', 'content-type': 'application/json' }
  const tooLarge = await http2Answer(session, type, JSON.stringify({ data: 'x'.repeat(4_000_000) }))
  assert.equal(tooLarge.status, 413)
  assert.match(tooLarge.text, /"kind":"Status"/)
  const stuck = session.request({ ':path': mapsPath, ...type })
  stuck.on('error', () => {})
  stuck.write('{"metadata":')
  assert.equal((await http2Answer(session, {})).status, 200)
  stuck.destroy()
  session.destroy()
  await isServing()
})

test('a client that speaks no TLS is hung up on', async () => {
  const { host, port } = place()
  const socket = connectTcp({ host, port })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const bytes = await buffer(socket).catch(() => Buffer.alloc(0))
  assert.doesNotMatch(bytes.toString(), /200 OK/)
  await isServing()
})
