// SPDX-License-Identifier: Apache-2.0
// Clients that never finish what they begin lose their connection, and only they do.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { text as readText } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { test } from 'node:test'
import { systemClock } from '../../util/clock.ts'
import { openAuthority } from '../certificates/authority.ts'
import { ApiListener } from './api-listener.ts'

const patience = { headersMs: 100, requestMs: 200, idleBodyMs: 100, checkMs: 20 }

/** Answers once a request is complete. */
async function open(): Promise<{ readonly listener: ApiListener; readonly ca: string }> {
  const authority = await openAuthority(undefined, { clock: systemClock })
  const { certificate, key } = await authority.issueServer('api', ['127.0.0.1'])
  const listener = await ApiListener.open({
    address: '127.0.0.1',
    port: 0,
    tls: { cert: certificate, key, clientCa: authority.certificate },
    patience,
    onRequest: (request, response) => {
      request.resume()
      request.once('end', () => response.end('complete'))
      request.on('error', () => {})
    },
    onUpgrade: (_, socket) => socket.destroy(),
  })
  return { listener, ca: authority.certificate }
}

const unfinished: readonly (readonly [what: string, text: string])[] = [
  ['a client that says nothing', ''],
  ['headers that do not end', 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '],
  ['a body that does not come', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{'],
]

for (const [what, text] of unfinished) {
  test(`${what} is waited for only so long`, async () => {
    const { listener, ca } = await open()
    await using _ = listener
    const socket = connect({ host: '127.0.0.1', port: listener.port, ca })
    socket.write(text)
    assert.match(await readText(socket), /^HTTP\/1\.1 408 /)
  })
}

test('a body over HTTP/2 that stops ends its stream, and answers that take longer go on', async () => {
  const { listener, ca } = await open()
  await using _ = listener
  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca })
  const stuck = session.request({ ':path': '/', ':method': 'POST' })
  stuck.on('error', () => {})
  stuck.write('{')
  await new Promise((resolve) => stuck.once('close', resolve))
  const good = session.request({ ':path': '/' })
  good.end()
  await once(good, 'response')
  assert.equal(await readText(good), 'complete')
  session.destroy()
})
