// SPDX-License-Identifier: Apache-2.0
//
// Ways to an engine: its socket, TCP with TLS, ssh; and pods on an engine of which nothing can be mounted.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { ObservedPod, PodRequest } from '../../src/provider/provider.ts'
import { ProviderFixture, isRunning, requestFor } from '../../src/testing/provider-fixture.ts'
import { outputOf } from './output-of.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const hasEnded = ({ hasEnded: ended }: ObservedPod): boolean => ended

/** A volume with one file, as the core gives those of ConfigMaps. */
function requestWithFile(pod: Pod): PodRequest {
  const content = new TextEncoder().encode('from the cluster\n')
  const files = [{ path: 'greeting', mode: 0o644, content }]
  return { ...requestFor(pod), resolveVolume: () => Promise.resolve({ files }) }
}

describeEngines('connections', (engine) => {
  let folder = ''
  const servers: Server[] = []
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vk-connection-'))
  })
  after(() => {
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function portOf(server: Server): Promise<number> {
    servers.push(server)
    server.unref()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  async function runsRemotely(config: object): Promise<void> {
    await using fixture = await ProviderFixture.open(engine.options({ host: undefined, ...config }))
    const volumes = [
      { name: 'config', configMap: { name: 'c' } },
      { name: 'scratch', emptyDir: {} },
    ]
    const volumeMounts = [
      { name: 'config', mountPath: '/etc/deep/config' },
      { name: 'scratch', mountPath: '/scratch' },
    ]
    const init = script('cp /etc/deep/config/greeting /scratch/', { volumeMounts }).container
    const pod = fixture.pod(script('cat /scratch/greeting', { volumeMounts }), {
      volumes,
      restartPolicy: 'Never',
      initContainers: [{ name: 'first', ...init }],
    })
    fixture.remember(pod)
    await fixture.provider.createPod(requestWithFile(pod), fixture.context)
    await fixture.until(pod, 'has ended', hasEnded)
    assert.equal(await outputOf(fixture, pod), 'from the cluster\n')
  }

  test('over TCP, volumes come as copies', async () => {
    const server = createTcpServer((socket) => {
      const upstream = connect(engine.daemon.socket)
      socket.pipe(upstream).pipe(socket)
      for (const stream of [socket, upstream]) stream.on('error', () => socket.destroy())
    })
    await runsRemotely({ host: `tcp://127.0.0.1:${await portOf(server)}` })
  })

  test('over TLS, both sides show their certificates', async () => {
    const run = (...args: readonly string[]): void => {
      execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    }
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
    run(...made, '-keyout', 'key.pem', '-out', 'cert.pem')
    const [cert, key] = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(folder, file)))
    assert.ok(cert && key)
    const options = { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true }
    const server = createTlsServer(options, (socket) => {
      const upstream = connect(engine.daemon.socket)
      socket.pipe(upstream).pipe(socket)
      for (const stream of [socket, upstream]) stream.on('error', () => socket.destroy())
    })
    server.on('tlsClientError', () => {})
    const host = `tcp://127.0.0.1:${await portOf(server)}`
    const [ca, own] = ['cert.pem', 'key.pem'].map((file) => join(folder, file))
    await runsRemotely({ host, tls: { ca, cert: ca, key: own } })
    const unverified = ProviderFixture.open(engine.options({ host, tls: {} }))
    await assert.rejects(unverified, /Cannot reach the engine at tcp:.*(SELF_SIGNED|self-signed)/)
  })

  test("over ssh, by the user's own ssh", async () => {
    const program = join(folder, 'ssh')
    const log = join(folder, 'ssh.log')
    const relay = join(folder, 'relay.cjs')
    const socket = JSON.stringify(engine.daemon.socket)
    const lines = [`const socket = require('node:net').connect(${socket})`]
    writeFileSync(relay, [...lines, 'process.stdin.pipe(socket).pipe(process.stdout)'].join('\n'))
    writeFileSync(program, `#!/bin/sh\necho "$@" >> ${log}\nexec ${process.execPath} ${relay}\n`)
    chmodSync(program, 0o755)
    const { PATH } = process.env
    process.env['PATH'] = `${folder}:${PATH}`
    try {
      await using fixture = await ProviderFixture.open(
        engine.options({ host: 'ssh://user@machine.example:2222' }),
      )
      const pod = fixture.pod(script(untilStopped))
      await fixture.create(pod)
      await fixture.until(pod, 'runs', isRunning)
      assert.match(
        readFileSync(log, 'utf8'),
        /-oBatchMode=yes .*-p 2222 -T -- user@machine\.example docker system dial-stdio/,
      )
    } finally {
      process.env['PATH'] = PATH
    }
  })
})
