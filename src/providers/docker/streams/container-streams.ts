// SPDX-License-Identifier: Apache-2.0
// Connections into running containers: commands, attached clients, ports.
import type { Duplex } from 'node:stream'
import type { CallContext, PodRef } from '../../../provider/provider.ts'
import type {
  ExecOptions,
  PortConnection,
  ProcessStreams,
  StreamChoice,
} from '../../../provider/streams.ts'
import type { Container } from '../../../kube/types.gen.ts'
import type { ContainerKey } from '../../../runtime/container-runtime.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { ContainerTable } from '../container/container-table.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { PodSandboxes } from '../sandbox/pod-sandboxes.ts'
import { attachToEngine } from './engine-attach.ts'
import { execInEngine } from './engine-exec.ts'
import { dialInSandbox, type DialTarget } from './pod-dial.ts'
import { connectToPod } from './pod-ports.ts'

export interface ContainerStreamsParts {
  readonly engine: Engine
  readonly clock: Clock
  readonly table: ContainerTable
  readonly sandboxes: Pick<PodSandboxes, 'get'>
  /** Pods are reached through the engine alone, by the program in their sandboxes. */
  readonly dialsThere: boolean
}

/** Streams of one node's containers; each rejects for a container that does not run. */
export class ContainerStreams {
  readonly #parts: ContainerStreamsParts

  constructor(parts: ContainerStreamsParts) {
    this.#parts = parts
  }

  /** As ContainerRuntime.exec. */
  async exec(
    key: ContainerKey,
    options: ExecOptions,
    context: CallContext,
  ): Promise<ProcessStreams> {
    const { engine, clock, table } = this.#parts
    const { engineId } = table.running(key)
    return await execInEngine({ engine, clock, engineId }, options, context)
  }

  /** As ContainerRuntime.attach. */
  async attach(
    key: ContainerKey,
    options: StreamChoice & { readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams> {
    const { engine, clock, table } = this.#parts
    const { engineId } = table.running(key)
    const hasEnded = async (): Promise<boolean> => {
      const now = await table.refresh(engineId, context.signal)
      return now?.run.state.kind !== 'running'
    }
    const whenEnded = (signal: AbortSignal): Promise<void> => table.whenEnded(key, signal)
    const place = { client: engine.client, clock, engineId, whenEnded, hasEnded }
    return await attachToEngine(place, options, context)
  }

  /** As ContainerRuntime.portForward. */
  async portForward(pod: PodRef, port: number, context: CallContext): Promise<PortConnection> {
    const { engine, clock, table, sandboxes, dialsThere } = this.#parts
    const sandbox = sandboxes.get(pod.uid)
    const running = table
      .all()
      .find(({ run }) => run.key.pod.uid === pod.uid && run.state.kind === 'running')
    if (!sandbox || !running) throw new VkError('NotFound', 'no container of the pod runs')
    const place = { client: engine.client, sandboxId: sandbox.id }
    const canEnter = engine.isLocal && process.getuid?.() === 0
    const streams = { stdin: true, stdout: true, stderr: false, tty: false }
    const ports = {
      podIPs: sandbox.podIPs,
      sandboxPid: canEnter ? sandbox.pid : undefined,
      clock,
      ...(dialsThere && {
        dial: (host: string) => dialInSandbox({ host, port }, place, context),
      }),
      execInPod: (command: readonly string[]) =>
        this.exec(running.run.key, { command, ...streams }, context),
    }
    return await connectToPod(port, ports, context)
  }

  /** As ContainerRuntime.dial. */
  async dial(pod: PodRef, target: DialTarget, context: CallContext): Promise<Duplex> {
    const sandbox = this.#parts.sandboxes.get(pod.uid)
    if (!sandbox) throw new VkError('NotFound', 'the pod has no sandbox')
    const place = {
      client: this.#parts.engine.client,
      sandboxId: sandbox.id,
      // The node's address need not be one of the engine's machine.
      ...(sandbox.isOnHost && { at: loopback }),
    }
    return await dialInSandbox(target, place, context)
  }
}

const loopback = '127.0.0.1'
