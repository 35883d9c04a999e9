// SPDX-License-Identifier: Apache-2.0
// A watcher that does not read is sent away once too much waits for it, and others do not notice.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { configMaps } from '../../kube/resources.ts'
import { systemClock } from '../../util/clock.ts'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import { connectionFromKubeconfigText } from '../../../test/support/kubeconfig-connection.ts'
import { objectFilter } from '../api/object-filter.ts'
import { watchObjects } from '../api/watch-objects.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { findResource } from '../resources/registry.ts'
import { createMemoryStore } from '../storage/memory-store.ts'

const path = '/api/v1/namespaces/default/configmaps'

/** A connection of the administrator's that nobody reads. */
async function connected(cluster: EmbeddedCluster): Promise<TLSSocket> {
  const { adminKubeconfig, server } = cluster.controlPlane
  const { ca, cert, key } = connectionFromKubeconfigText(adminKubeconfig)
  const { hostname, port } = new URL(server)
  const socket = connect({ host: hostname, port: Number(port), ca, cert, key })
  await once(socket, 'secureConnect')
  return socket
}

interface Event {
  readonly type: string
  readonly object: { readonly metadata: { readonly resourceVersion: string } }
}

/** What a watcher that reads everything has seen. */
async function reading(cluster: EmbeddedCluster, from: string) {
  const socket = await connected(cluster)
  const versions: number[] = []
  let rest = ''
  socket.setEncoding('utf8')
  socket.write(`GET ${path}?watch=1&resourceVersion=${from} HTTP/1.0\r\nHost: a\r\n\r\n`)
  let isBody = false
  const waiting: { readonly version: number; readonly resolve: () => void }[] = []
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!isBody) {
        isBody = line === '\r'
        continue
      }
      const { object } = JSON.parse(line) as Event
      versions.push(Number(object.metadata.resourceVersion))
    }
    const last = versions.at(-1) ?? 0
    for (const { version, resolve } of waiting) if (last >= version) resolve()
  })
  return {
    versions,
    async until(version: number): Promise<void> {
      if ((versions.at(-1) ?? 0) >= version) return
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ version, resolve })
      await promise
    },
    end: () => socket.destroy(),
  }
}

test('a watcher that does not read is ended, and one that does sees every change in order', async () => {
  await using cluster = await startEmbeddedCluster()
  const big = 'x'.repeat(900_000)
  const made = await cluster.client.create(configMaps, {
    metadata: { name: 'big', namespace: 'default' },
    data: { big },
  })
  const from = made.metadata.resourceVersion ?? ''
  const slow = await connected(cluster)
  slow.pause()
  slow.write(`GET ${path}?watch=1&resourceVersion=${from} HTTP/1.1\r\nHost: a\r\n\r\n`)
  const isEnded = new Promise((resolve) => slow.once('close', resolve))
  slow.on('error', () => {})
  const reader = await reading(cluster, from)
  const expected: number[] = []
  // More than may wait, and more than the buffers in between hold.
  for (let count = 0; count < 64; count += 1) {
    const changed = await cluster.client.patch(
      configMaps,
      { namespace: 'default', name: 'big' },
      { type: 'merge', body: { data: { count: `${count}` } } },
    )
    const version = Number(changed.metadata.resourceVersion)
    expected.push(version)
    // On a busy machine it would be one that is too slow, too.
    await reader.until(version)
  }
  assert.deepEqual(reader.versions, expected)
  // Only one who reads learns of the end of a connection; what had been sent before is all that comes.
  let bytes = 0
  slow.on('data', (part: Buffer) => {
    bytes += part.length
  })
  slow.resume()
  await isEnded
  assert.ok(bytes < 60 * big.length, `${bytes} bytes came through`)
  reader.end()
})

test('a watch is given up when more than twenty thousand changes wait for its reader', async () => {
  await using store = createMemoryStore()
  const ending = new AbortController()
  let hasLost = false
  let sent = 0
  const resource = findResource('', 'v1', 'configmaps')
  assert.ok(resource)
  const core = {
    store,
    clock: systemClock,
    admission: [],
    allocate: (object: KubeObject) => object,
  }
  const change = (count: number): void => {
    const metadata = { name: 'one', namespace: 'default' }
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { count: `${count}` } }
    store.put({ resource: 'configmaps', namespace: 'default', name: 'one' }, object)
  }
  change(0)
  const watching = watchObjects(
    core,
    {
      resource,
      filter: objectFilter(resource, '', new URLSearchParams()),
      fromRevision: store.revision,
      sendInitialEvents: false,
      allowBookmarks: false,
      timeoutMs: 3_600_000,
      signal: ending.signal,
      onLost: () => {
        hasLost = true
        ending.abort()
      },
    },
    async (events) => {
      sent += events.length
      // As a connection that has no room: the wait ends with the connection.
      if (!ending.signal.aborted) await once(ending.signal, 'abort')
    },
  )
  change(1)
  await turn()
  await turn()
  for (let count = 0; count < 20_000; count += 1) change(count)
  await store.durable()
  assert.equal(hasLost, false)
  change(-1)
  await store.durable()
  assert.equal(hasLost, true)
  await watching
  assert.equal(sent, 1)
})
