// SPDX-License-Identifier: Apache-2.0
// Which ports a pod may be reached at.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { eventually } from '../../../../test/support/process-probes.ts'
import { processWorld } from '../../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../../test/support/process-runtime.ts'
import { addressesOf, parseTable } from './listening-sockets.ts'

const linuxOnly = process.platform === 'linux' ? false : 'sockets are told apart on Linux only'

/** Listens where the first argument says, prints the port, and answers each connection at its end. */
const SERVER = `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (data) => { text += data })
    socket.on('end', () => socket.end('got ' + text))
  }).listen(0, process.argv[1], function () { console.log(this.address().port) })
`

/** Starts a pod that listens; answers its port. */
async function listen(world: ProcessWorld, uid: string, host: string): Promise<number> {
  const start = world.start({ uid, command: [process.execPath, '-e', SERVER, host] })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)).endsWith('\n'))
  return Number(await world.output(start))
}

async function ask(world: ProcessWorld, uid: string, port: number): Promise<string> {
  const pod = { namespace: 'default', name: uid, uid }
  const connection = await world.runtime.portForward(pod, port, world.context)
  connection.end('hello')
  return await text(connection)
}

test('a port on which a process of the pod listens is reached, wherever it is bound', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  for (const [i, host] of ['127.0.0.1', '0.0.0.0', '::', '127.0.0.5'].entries()) {
    const port = await listen(world, `pod-${i}`, host)
    assert.equal(await ask(world, `pod-${i}`, port), 'got hello', host)
  }
})

test('no other port is, be it another pod’s or the host’s', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const refused = /inside the pod: connection refused/
  const others = await listen(world, 'pod-other', '127.0.0.1')
  await listen(world, 'pod-own', '127.0.0.1')
  await assert.rejects(ask(world, 'pod-own', others), refused)
  await assert.rejects(ask(world, 'pod-unknown', others), refused)
  await using server = await hostServer()
  await assert.rejects(ask(world, 'pod-own', server.port), refused)
})

test('every port of the host is, where the configuration says so', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld({ reachablePorts: 'host' })
  await using server = await hostServer()
  assert.equal(await ask(world, 'pod-any', server.port), 'host')
})

async function hostServer(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer((socket) => socket.resume().end('host'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

test('reads the tables of the kernel', () => {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const row = (local: string, state: string, inode: number): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`
  const table = [
    head,
    row('0100007F:1F90', '0A', 11),
    row('00000000:1F90', '0A', 12),
    row('0100007F:1F90', '01', 13),
    row('0100007F:1F91', '0A', 14),
    row('00000000000000000000000001000000:1F90', '0A', 15),
    '',
  ].join('\n')
  assert.deepEqual(parseTable(table, 0x1f90), [
    { inode: '11', address: '127.0.0.1' },
    { inode: '12', address: '0.0.0.0' },
    { inode: '15', address: '0:0:0:0:0:0:0:1' },
  ])
})

test('never connects to where a stranger would answer', () => {
  const at = (address: string) => ({ inode: '1', address })
  const any4 = at('0.0.0.0')
  const any6 = at('0:0:0:0:0:0:0:0')
  assert.deepEqual(addressesOf([any4], []), ['127.0.0.1'])
  assert.deepEqual(addressesOf([any6], []), ['127.0.0.1', '::1'])
  assert.deepEqual(addressesOf([any4], [at('127.0.0.1')]), [])
  assert.deepEqual(addressesOf([any6], [any4]), ['::1'])
  assert.deepEqual(addressesOf([any6], [at('127.0.0.1')]), ['::1'])
  assert.deepEqual(addressesOf([at('10.0.0.1'), at('127.0.0.1')], []), ['127.0.0.1', '10.0.0.1'])
  assert.deepEqual(addressesOf([], [any4]), [])
})
