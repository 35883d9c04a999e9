// SPDX-License-Identifier: Apache-2.0
// One node controller over an API server in memory, a backend that does as told, and a clock that
// only a test moves.
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../../src/kube/event-recorder.ts'
import { nodes } from '../../src/kube/resources.ts'
import type { Node, NodeCondition, ObjectReference } from '../../src/kube/types.gen.ts'
import type { MachineInfo } from '../../src/node/machine-info.ts'
import { NodeController } from '../../src/node/node-controller.ts'
import type { NodeDependencies, NodeOptions } from '../../src/node/node-options.ts'
import type { NodeDescription } from '../../src/provider/provider.ts'
import { FakeClock } from '../../src/util/fake-clock.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { MemoryKubeClient } from './memory-kube-client.ts'

/** nodeInfo of a machine that there is not. */
export const machine: MachineInfo = {
  machineID: 'm',
  systemUUID: 's',
  bootID: 'b',
  kernelVersion: '6',
  osImage: 'Linux',
  architecture: 'amd64',
}
/** What the backend offers. */
export const amounts: Readonly<Record<string, string>> = {
  cpu: '4',
  memory: '8Gi',
  pods: '20',
  'ephemeral-storage': '10Gi',
}
/** How the backend describes the node at first. */
export const description: NodeDescription = { capacity: amounts, runtimeVersion: 'mock://1' }

/** A backend whose answers a test sets. */
export class Backend {
  description: NodeDescription = description
  ping: NodeDependencies['provider']['ping'] = () => Promise.resolve()
  describeNode = (): Promise<NodeDescription> => Promise.resolve(this.description)
  /** Announces that `description` is another. */
  changed = (): void => {}
  watchNode = (changed: () => void): Disposable => {
    this.changed = changed
    return { [Symbol.dispose]: () => {} }
  }
}

/** A node under test, and what a test does to it. */
export class NodeUnderTest implements AsyncDisposable {
  readonly client: MemoryKubeClient
  readonly clock: FakeClock = new FakeClock()
  readonly backend: Backend = new Backend()
  readonly events: (RecordedEvent & { readonly about: ObjectReference })[] = []
  readonly controller: NodeController

  constructor(options: Partial<NodeOptions>, client: MemoryKubeClient) {
    this.client = client
    const record = (about: ObjectReference, event: RecordedEvent): void => {
      this.events.push({ ...event, about })
    }
    const { clock, backend } = this
    const deps = { client, provider: backend, recorder: { record }, clock, log: silentLogger }
    this.controller = new NodeController(deps, {
      name: 'n',
      providerName: 'mock',
      os: 'linux',
      nodeIPs: ['10.0.0.1'],
      kubeletPort: 10_250,
      kubeletVersion: 'v1.36.3-vk-0.1.0',
      machine,
      random: () => 0.5,
      ...options,
    })
  }

  async start(): Promise<void> {
    const started = this.controller.start()
    await this.clock.advance(10)
    await started
  }

  /** The Node as the API server has it. */
  find(): Node | undefined {
    const place = { collection: 'v1/nodes', name: 'n' }
    return this.client.store.find(place) as Node | undefined
  }

  /** The same, where it must be there. */
  stored(): Node {
    return this.find() ?? assert.fail('there is no Node')
  }

  /** Writes of the Node's status so far. */
  statusWrites(): number {
    return this.client.calls.filter((call) => call.subresource === 'status').length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]()
  }
}

/** Makes a node that has not started yet. */
export function setUpNode(
  options: Partial<NodeOptions> = {},
  client: MemoryKubeClient = new MemoryKubeClient(),
): NodeUnderTest {
  return new NodeUnderTest(options, client)
}

/** The last condition, which is Ready. */
export function ready(node: Node): NodeCondition {
  return node.status?.conditions?.at(-1) ?? assert.fail('no conditions')
}

/** Writes status as the control plane does. */
export async function patchStatus(client: MemoryKubeClient, body: object): Promise<void> {
  const patch = { type: 'strategic', body: { status: body }, subresource: 'status' } as const
  await client.patch(nodes, { name: 'n' }, patch)
}
