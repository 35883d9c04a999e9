// SPDX-License-Identifier: Apache-2.0
// A node and an API server with real sockets between them, at the worst moments.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import type { FakeApiServer } from '../../test/support/fake-api-server.ts'
import { leases, nodes } from '../kube/resources.ts'
import type { Node } from '../kube/types.gen.ts'
import { systemClock } from '../util/clock.ts'
import { silentLogger } from '../util/logger.ts'
import { NodeController } from './node-controller.ts'

const capacity = { cpu: '4', memory: '1Gi', pods: '10', 'ephemeral-storage': '1Gi' }

function startNode(server: FakeApiServer, name = 'n') {
  const client = server.client()
  let sickness: Error | undefined
  const provider = {
    describeNode: () => Promise.resolve({ capacity, runtimeVersion: 'mock://1' }),
    ping: () => (sickness ? Promise.reject(sickness) : Promise.resolve()),
  }
  const recorder = { record: () => {} }
  const deps = { client, provider, recorder, clock: systemClock, log: silentLogger }
  const node = new NodeController(deps, {
    name,
    providerName: 'mock',
    os: 'linux',
    nodeIPs: ['10.0.0.1'],
    kubeletPort: 10_250,
    kubeletVersion: 'v1.36.3-vk-0.1.0',
    machine: {
      machineID: '',
      systemUUID: '',
      bootID: '',
      kernelVersion: '',
      osImage: '',
      architecture: 'amd64',
    },
    intervals: { pingMs: 50, statusMs: 50, leaseRenewMs: 50, callTimeoutMs: 60_000 },
  })
  const started = node.start()
  const sicken = (error: Error | undefined): void => void (sickness = error)
  const dispose = async (): Promise<void> => {
    await node[Symbol.asyncDispose]()
    await client[Symbol.asyncDispose]()
  }
  return { node, started, sicken, [Symbol.asyncDispose]: dispose }
}

function readyOf(node: Node | undefined): string {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')
  return `${ready?.status} ${ready?.message}`
}

/** Resolves with the first state of the Node that is as wanted. */
async function nodeThat(node: NodeController, isWanted: (node: Node) => boolean): Promise<Node> {
  const { promise, resolve } = Promise.withResolvers<Node>()
  const look = (state: Node | undefined): void => {
    if (state && isWanted(state)) resolve(state)
  }
  using _watch = node.onChange(look)
  look(node.node)
  return await promise
}

const isReady = (server: FakeApiServer, name = 'n') =>
  readyOf(server.find(nodes, { name })).startsWith('True')

test('registers though the first answers are lost, and adopts what it has made', async () => {
  await using server = await startFakeApiServer()
  server.fail({ verb: 'create', resource: 'nodes' }, { destroy: true, afterApply: true })
  server.fail({ verb: 'create', resource: 'leases' }, { destroy: true, afterApply: true })
  await using t = startNode(server)
  await t.started
  await t.node.whenReady(AbortSignal.timeout(100_000))
  assert.equal(server.list(nodes).length, 1)
})

test('adopts a Node with what others have set, and comes back after the server was away', async () => {
  await using server = await startFakeApiServer()
  server.create(nodes, {
    metadata: { name: 'n', labels: { theirs: 'x' } },
    spec: { taints: [{ key: 'theirs', effect: 'NoSchedule' }] },
  })
  await using t = startNode(server)
  await t.started
  const before = server.find(nodes, { name: 'n' })
  assert.equal(before?.metadata.labels?.['theirs'], 'x')
  assert.deepEqual(
    before?.spec.taints?.map(({ key }) => key),
    ['theirs', 'virtual-kubelet.io/provider'],
  )
  assert.ok(isReady(server))
  await server.stop()
  t.sicken(new Error('Cannot reach the engine'))
  await server.listen()
  await nodeThat(t.node, (node) => readyOf(node).includes('engine'))
})

test('makes its Node anew when it is deleted, also while watches are cut', async () => {
  await using server = await startFakeApiServer()
  await using t = startNode(server)
  await t.started
  const uid = server.find(nodes, { name: 'n' })?.metadata.uid
  server.destroyWatches()
  server.delete(nodes, { name: 'n' })
  const next = await nodeThat(
    t.node,
    (node) => node.metadata.uid !== uid && readyOf(node).startsWith('True'),
  )
  assert.equal(server.find(nodes, { name: 'n' })?.metadata.uid, next.metadata.uid)
})

test('gets past conflicts with others who write the Node', async () => {
  await using server = await startFakeApiServer()
  await using t = startNode(server)
  await t.started
  const conflict = { status: 409, reason: 'Conflict', times: 3 }
  server.fail({ verb: 'patch', resource: 'nodes', subresource: 'status' }, conflict)
  server.fail({ verb: 'update', resource: 'leases' }, conflict)
  t.sicken(new Error('sick'))
  await nodeThat(t.node, (node) => readyOf(node) === 'False sick')
})

test('runs several nodes in one process', async () => {
  await using server = await startFakeApiServer()
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`)
  const running = names.map((name) => startNode(server, name))
  await Promise.all(running.map((t) => t.started))
  assert.ok(names.every((name) => isReady(server, name)))
  assert.equal(server.list(leases).length <= 20, true)
  await running[0]?.node.shutdown({ message: 'bye' })
  assert.equal(readyOf(server.find(nodes, { name: 'n0' })), 'False bye')
  assert.ok(isReady(server, 'n1'))
  await Promise.all(running.map((t) => t[Symbol.asyncDispose]()))
})
