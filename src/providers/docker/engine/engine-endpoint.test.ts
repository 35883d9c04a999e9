// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { findEngine } from './engine-endpoint.ts'

let home = ''
before(() => {
  home = mkdtempSync(join(tmpdir(), 'vk-docker-cli-'))
  const id = createHash('sha256').update('far').digest('hex')
  const meta = join(home, '.docker/contexts/meta', id)
  const tls = join(home, '.docker/contexts/tls', id, 'docker')
  mkdirSync(meta, { recursive: true })
  mkdirSync(tls, { recursive: true })
  const endpoint = { docker: { Host: 'tcp://far.example:2376' } }
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: 'far', Endpoints: endpoint }))
  writeFileSync(join(tls, 'ca.pem'), 'authority')
  writeFileSync(
    join(home, '.docker/config.json'),
    JSON.stringify({ currentContext: 'far', HttpHeaders: { 'X-Who': 'me' } }),
  )
})
after(() => rmSync(home, { recursive: true, force: true }))

const none = { headers: {} }

test('the configuration comes first, then the environment, then the current context', async () => {
  const environment = { HOME: home, DOCKER_HOST: 'tcp://near.example' }
  const host = 'unix:///run/engine.sock'
  assert.equal((await findEngine({ ...none, host }, environment)).where, host)
  assert.equal((await findEngine(none, environment)).where, 'tcp://near.example')
  assert.equal((await findEngine(none, { HOME: home })).where, 'tcp://far.example:2376')
  const { where } = await findEngine({ ...none, context: 'far' }, environment)
  assert.equal(where, 'tcp://far.example:2376')
})

test("a context brings its TLS files, and Docker's configuration its headers", async () => {
  const headers = { 'X-More': '1' }
  const endpoint = await findEngine({ headers }, { HOME: home })
  assert.ok(endpoint.kind === 'tcp')
  assert.deepEqual(endpoint.tls, { ca: 'authority' })
  assert.deepEqual(endpoint.headers, { 'X-Who': 'me', 'X-More': '1' })
})

for (const [host, expected] of [
  ['unix:///a b.sock', { kind: 'socket', path: '/a b.sock' }],
  ['10.0.0.5', { kind: 'tcp', host: '10.0.0.5', port: 2375, pathPrefix: '' }],
  ['https://e.example/p/', { kind: 'tcp', host: 'e.example', port: 443, pathPrefix: '/p' }],
  ['ssh://me@there:2222', { kind: 'ssh', target: 'me@there', port: '2222', path: '' }],
  ['ssh://there/run/e.sock', { kind: 'ssh', target: 'there', path: '/run/e.sock' }],
] as const) {
  test(`${host} leads where it says`, async () => {
    const endpoint = await findEngine({ ...none, host }, { HOME: '/nonexistent' })
    const { where: _w, headers: _h, ...place } = endpoint
    assert.deepEqual('tls' in place ? { ...place, tls: undefined } : place, {
      ...expected,
      ...('tls' in place && { tls: undefined }),
    })
  })
}

for (const [settings, why] of [
  [{ host: 'ftp://x' }, /"ftp:\/\/" is none of/],
  [{ host: 'tcp://user:secret@x' }, /a password does not belong in it/],
  [
    { host: 'tcp://x', tls: { ca: '/nonexistent.pem' } },
    /TLS file "\/nonexistent\.pem" \(ca\): ENOENT/,
  ],
  [{ context: 'nowhere' }, /context "nowhere": .* has none of that name/],
] as const) {
  test(`${JSON.stringify(settings)} is refused in one line, without the secret`, async () => {
    await assert.rejects(
      findEngine({ ...none, ...settings }, { HOME: '/nonexistent' }),
      (error) => {
        assert.ok(error instanceof Error)
        assert.match(error.message, why)
        assert.doesNotMatch(error.message, /secret|\n/)
        return true
      },
    )
  })
}
