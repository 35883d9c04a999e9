// SPDX-License-Identifier: Apache-2.0
// Keeps an eye on the engine: its events while it is there, a look at everything when it is there again. What a
// look finds missing has ended only if it was known before the look began. Docker tells of a want of memory
// beside the end that came of it, some ten milliseconds before or after: such an end is looked at when both are told.
import type { PodRef } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { ownerFilter, readLabels, type Owner } from './container/container-labels.ts'
import type { ContainerStops } from './container/container-stops.ts'
import type { ContainerTable } from './container/container-table.ts'
import type { OutOfMemory } from './container/out-of-memory.ts'
import type { Engine } from './engine/connect-engine.ts'
import type { EngineEvent } from './engine/engine-objects.ts'
import { followEvents } from './engine/event-feed.ts'
import type { PodSandboxes } from './sandbox/pod-sandboxes.ts'

export interface EngineWatchParts {
  readonly engine: Pick<Engine, 'client' | 'kind'>
  readonly owner: Owner
  readonly clock: Clock
  readonly log: Logger
  readonly table: Pick<ContainerTable, 'list' | 'refresh'>
  readonly stops: Pick<ContainerStops, 'isStopping'>
  readonly outOfMemory: Pick<OutOfMemory, 'tell' | 'forgetContainer'>
  readonly sandboxes: Pick<PodSandboxes, 'all' | 'ended'>
}

/** Events after which a container is looked at. */
const endings = new Set(['die', 'destroy', 'remove', 'oom'])
const killedBySignal9 = '137'
/** On a quiet machine it takes less than a tenth. */
const lateReasonMs = 1000

/** Brings news of containers to the table, and those of sandboxes to whoever listens. */
export class EngineWatch {
  readonly #parts: EngineWatchParts
  readonly #listeners = new Set<(pod: PodRef) => void>()
  /** By engine id, ends whose reason may still be told. */
  readonly #unexplained = new Map<string, AbortController>()

  constructor(parts: EngineWatchParts) {
    this.#parts = parts
  }

  /** Calls `notify` when a sandbox has ended that nobody here has ended. */
  onSandboxEnd(notify: (pod: PodRef) => void): Disposable {
    const listener = (pod: PodRef): void => notify(pod)
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Watches until the signal aborts. */
  follow(signal: AbortSignal): Promise<void> {
    const { engine, owner, clock, log } = this.#parts
    return followEvents({
      client: engine.client,
      clock,
      log,
      signal,
      labels: ownerFilter(owner),
      onConnected: () => this.lookAtAll(signal),
      onEvent: (event) => void this.#onEvent(event, signal),
    })
  }

  /** What happened while there were no events. */
  async lookAtAll(signal: AbortSignal): Promise<void> {
    const { table, sandboxes } = this.#parts
    const before = [...sandboxes.all()]
    const all = await table.list(signal)
    const running = new Set(all.filter(({ State }) => State === 'running').map(({ Id }) => Id))
    for (const { ref, id } of before) {
      if (!running.has(id)) this.#sandboxEnded(ref, id)
    }
  }

  async #onEvent(event: EngineEvent, signal: AbortSignal): Promise<void> {
    const { Action, Actor } = event
    if (!endings.has(Action)) return
    const labelled = readLabels(Actor.Attributes)
    if (labelled?.kind === 'sandbox') return this.#sandboxEnded(labelled.pod, Actor.ID)
    const { table, stops, outOfMemory } = this.#parts
    if (Action === 'oom') {
      outOfMemory.tell(Actor.ID)
      this.#unexplained.get(Actor.ID)?.abort()
    }
    if (Action === 'destroy') outOfMemory.forgetContainer(Actor.ID)
    const isOurs = labelled?.kind === 'container' && stops.isStopping(labelled.key)
    if (!isOurs && this.#mayBeExplained(event)) await this.#untilExplained(Actor.ID, signal)
    await table.refresh(Actor.ID, signal).catch(() => {
      // The engine went away again: when the events come back everything is looked at.
    })
  }

  #mayBeExplained({ Action, Actor }: EngineEvent): boolean {
    const isKilled = Action === 'die' && Actor.Attributes?.['exitCode'] === killedBySignal9
    return isKilled && this.#parts.engine.kind === 'docker'
  }

  async #untilExplained(engineId: string, signal: AbortSignal): Promise<void> {
    const explained = new AbortController()
    this.#unexplained.set(engineId, explained)
    const either = AbortSignal.any([signal, explained.signal])
    await this.#parts.clock.sleep(lateReasonMs, { signal: either }).catch(() => {
      // It was told, or nobody wants to know any more.
    })
    this.#unexplained.delete(engineId)
  }

  #sandboxEnded(pod: PodRef, id: string): void {
    const { sandboxes, log } = this.#parts
    if (!sandboxes.ended(pod, id)) return
    log.warn({ pod: `${pod.namespace}/${pod.name}` }, 'Sandbox of a pod has ended')
    for (const notify of this.#listeners) notify(pod)
  }
}
