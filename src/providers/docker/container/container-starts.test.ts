// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPod } from '../../../../test/support/build-pod.ts'
import { FakeEngine, json, type FakeAnswer } from '../../../../test/support/fake-engine.ts'
import { silentLogger } from '../../../util/logger.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { CreateBody } from '../engine/engine-objects.ts'
import { containerLabels } from './container-labels.ts'
import { ContainerStarts } from './container-starts.ts'
import { ContainerTable } from './container-table.ts'
import { OutOfMemory } from './out-of-memory.ts'

const owner = { nodeName: 'node-a', clusterId: 'cluster' }
const pod = { namespace: 'n', name: 'p', uid: 'u' }
const key = { pod, name: 'main', attempt: 0 }
const context = { signal: new AbortController().signal, log: silentLogger }
const create = 'POST /containers/create'
const start = 'POST /containers/c1/start'
const byName = 'GET /containers/vk_main_p_n_u_0/json'

const image = { name: 'i', reference: 'i' }
const order = { key, pod: buildPod(), spec: { name: 'main' } } as unknown as ContainerStart

const taken: FakeAnswer = (response) => {
  response.writeHead(409).end(JSON.stringify({ message: 'the name is already in use' }))
}
const lost: FakeAnswer = (response) => void response.destroy()

function open(fake: FakeEngine): {
  readonly starts: ContainerStarts
  readonly table: ContainerTable
  readonly told: string[]
} {
  const info = { NCPU: 1, MemTotal: 1 }
  const engine = { client: fake.client, kind: 'docker', isLocal: true, info } as Partial<Engine>
  const parts = { engine: engine as Engine, owner }
  const table = new ContainerTable({ ...parts, outOfMemory: new OutOfMemory(parts.engine) })
  const told: string[] = []
  table.onChange(({ containerId, state }) => void told.push(`${containerId} ${state.kind}`))
  const bodyOf = (): Promise<CreateBody> => Promise.resolve({} as CreateBody)
  return { starts: new ContainerStarts({ ...parts, table, bodyOf }), table, told }
}

/** What the engine says of a container of this run. */
function inspected(id: string, state: 'created' | 'running' | 'exited'): FakeAnswer {
  const never = '0001-01-01T00:00:00Z'
  const at = '2026-01-01T00:00:00Z'
  return json({
    Id: id,
    Config: { Labels: containerLabels(owner, { key, image, spec: order.spec }) },
    HostConfig: {},
    State: {
      Status: state,
      Running: state === 'running',
      StartedAt: state === 'created' ? never : at,
      FinishedAt: state === 'exited' ? at : never,
      ExitCode: 137,
    },
  })
}

test('a start whose answer got lost is waited for, and the container not made again', async () => {
  await using fake = await FakeEngine.open()
  const { starts } = open(fake)
  fake.answers.set(create, json({ Id: 'c1' }))
  fake.answers.set(start, lost)
  await assert.rejects(starts.start(order, context), /Cannot reach the engine/)
  fake.answers.set(create, taken)
  fake.answers.set(byName, inspected('c1', 'created'))
  fake.answers.set(start, (response) => void response.writeHead(304).end())
  fake.answers.set('GET /containers/c1/json', inspected('c1', 'running'))
  const { containerId } = await starts.start(order, context)
  assert.equal(containerId, 'docker://c1')
  assert.deepEqual(
    fake.asked.filter((what) => what.startsWith('DELETE')),
    [],
  )
})

test('the end of what is made anew is not that of the run', async () => {
  await using fake = await FakeEngine.open()
  const { starts, table, told } = open(fake)
  fake.answers.set(create, (response, body) => {
    taken(response, body)
    fake.answers.set(create, json({ Id: 'c1' }))
  })
  // Somebody else has asked for its start: it runs for a moment, and is killed by its removal.
  fake.answers.set(byName, inspected('c0', 'created'))
  fake.answers.set('DELETE /containers/c0', (response) => void response.writeHead(204).end())
  fake.answers.set('GET /containers/c0/json', inspected('c0', 'exited'))
  fake.answers.set(start, (response) => void response.writeHead(204).end())
  fake.answers.set('GET /containers/c1/json', inspected('c1', 'running'))
  await starts.start(order, context)
  await table.refresh('c0', context.signal)
  assert.deepEqual(told, ['docker://c1 running'])
})

test('a start that finds its sandbox ended counts for no run', async () => {
  await using fake = await FakeEngine.open()
  const { starts } = open(fake)
  fake.answers.set(create, json({ Id: 'c1' }))
  fake.answers.set('DELETE /containers/c1', (response) => void response.writeHead(204).end())
  const messages = {
    'cannot join network of a non running container: s1': 'CreateContainerError',
    'exec: "nothing": executable file not found in $PATH': 'RunContainerError',
  }
  for (const [message, podReason] of Object.entries(messages)) {
    fake.answers.set(start, (response) => {
      response.writeHead(409).end(JSON.stringify({ message }))
    })
    await assert.rejects(starts.start(order, context), { podReason })
  }
})
