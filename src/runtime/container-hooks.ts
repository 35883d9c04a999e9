// SPDX-License-Identifier: Apache-2.0
// The hooks of one pod's containers that are under way: after the start of a run and before its stop. A
// hook may be run again after a restart of ours, never twice at the same time.
import type { Container, LifecycleHandler, Pod } from '../kube/types.gen.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import type { ContainerKey } from './container-runtime.ts'
import type { ContainerRecord } from './decide/container-record.ts'

export interface HookOrder {
  readonly key: ContainerKey
  readonly kind: 'postStart' | 'preStop'
  readonly pod: Pod
  readonly spec: Container
  /** Where the pod is reached; empty when it has no address. */
  readonly podIP: string
  /** How long the hook may take; without it as long as it likes. */
  readonly timeoutMs?: number
}

/** Runs one handler; rejects with the reason when it fails. */
export type RunHook = (
  handler: LifecycleHandler,
  order: HookOrder,
  signal: AbortSignal,
) => Promise<void>

export interface HookParts {
  readonly run: RunHook
  readonly log: Logger
  ended(key: ContainerKey, outcome: Pick<ContainerRecord, 'postStart' | 'isPreStopDone'>): void
  event(event: { readonly reason: string; readonly message: string }, container: string): void
}

interface UnderWay {
  readonly order: HookOrder
  readonly controller: AbortController
}

/** Hooks under way. */
export class ContainerHooks {
  readonly #parts: HookParts
  readonly #underWay = new Map<string, UnderWay>()

  constructor(parts: HookParts) {
    this.#parts = parts
  }

  /** Runs the hook unless it is under way. */
  start(order: HookOrder): void {
    const id = idOf(order.key, order.kind)
    if (this.#underWay.has(id)) return
    const controller = new AbortController()
    this.#underWay.set(id, { order, controller })
    void this.#run(order, controller.signal).finally(() => this.#underWay.delete(id))
  }

  /** The run is being stopped: what its hooks still do is of no interest any more. */
  abandon(key: ContainerKey): void {
    for (const kind of ['postStart', 'preStop'] as const) {
      this.#underWay.get(idOf(key, kind))?.controller.abort()
    }
  }

  /** What hooks of runs that are over still do is of no interest either. */
  prune(isRunning: (key: ContainerKey) => boolean): void {
    for (const { order, controller } of this.#underWay.values()) {
      if (!isRunning(order.key)) controller.abort()
    }
  }

  [Symbol.dispose](): void {
    for (const { controller } of this.#underWay.values()) controller.abort()
  }

  async #run(order: HookOrder, signal: AbortSignal): Promise<void> {
    const { key, kind, spec } = order
    const handler = spec.lifecycle?.[kind]
    let hasFailed = false
    try {
      // Whoever starts a hook does so in the middle of a step.
      await Promise.resolve()
      if (handler) await this.#parts.run(handler, order, signal)
    } catch (error) {
      if (signal.aborted) return
      hasFailed = true
      this.#tell(order, error)
    }
    if (kind === 'preStop') this.#parts.ended(key, { isPreStopDone: true })
    else this.#parts.ended(key, { postStart: hasFailed ? 'failed' : 'done' })
  }

  /** What the hook itself says may hold secrets, and is not told. */
  #tell({ key, kind }: HookOrder, error: unknown): void {
    const [reason, what] =
      kind === 'preStop'
        ? ['FailedPreStopHook', 'PreStopHook failed']
        : ['FailedPostStartHook', 'PostStartHook failed']
    this.#parts.log.info({ container: key.name, error: messageOf(error) }, what)
    this.#parts.event({ reason, message: what }, key.name)
  }
}

function idOf({ name, attempt }: ContainerKey, kind: string): string {
  return `${kind}/${name}/${attempt}`
}
