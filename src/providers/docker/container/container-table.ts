// SPDX-License-Identifier: Apache-2.0
// The containers of this node as the engine has them. What is kept here is only what the engine said last;
// a list, an event or an answer replaces it, and whoever waits for an end or watches for changes is told.
import type { ContainerKey, RuntimeContainer } from '../../../runtime/container-runtime.ts'
import { untilAborted } from '../../../util/until-aborted.ts'
import { VkError } from '../../../util/vk-error.ts'
import { inBatches } from '../in-batches.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isNotFound } from '../engine/engine-error.ts'
import type { ContainerInspect, ContainerSummary } from '../engine/engine-objects.ts'
import { idOf, isOwn, ownerFilter, readLabels, type Owner } from './container-labels.ts'
import { knownContainer, type KnownContainer } from './container-state.ts'
import type { OutOfMemory } from './out-of-memory.ts'

type Notify = (container: RuntimeContainer) => void

/** Inspections at the same time. */
const maxInspections = 8

/** Containers by run. */
export class ContainerTable {
  readonly #engine: Engine
  readonly #owner: Owner
  readonly #outOfMemory: OutOfMemory
  readonly #byId = new Map<string, KnownContainer>()
  readonly #runByEngineId = new Map<string, string>()
  /** Engine ids of what we remove because it is not the run that it is named after. */
  readonly #discarded = new Set<string>()
  readonly #listeners = new Set<Notify>()

  constructor(parts: { engine: Engine; owner: Owner; outOfMemory: OutOfMemory }) {
    this.#engine = parts.engine
    this.#owner = parts.owner
    this.#outOfMemory = parts.outOfMemory
  }

  get(key: ContainerKey): KnownContainer | undefined {
    return this.#byId.get(idOf(key))
  }

  /** Throws NotFound, in a kubelet's words, for one that does not run. */
  running(key: ContainerKey): KnownContainer {
    const known = this.get(key)
    if (known?.run.state.kind === 'running') return known
    throw new VkError('NotFound', `container not found (${JSON.stringify(key.name)})`)
  }

  all(): readonly KnownContainer[] {
    return [...this.#byId.values()]
  }

  onChange(notify: Notify): Disposable {
    const listener: Notify = (container) => notify(container)
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Resolves when the run has ended, or is not known; rejects when the signal aborts before. */
  async whenEnded(key: ContainerKey, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _watch = this.onChange((run) => {
      if (idOf(run.key) === idOf(key) && run.state.kind !== 'running') resolve()
    })
    if (this.get(key)?.run.state.kind === 'running') await untilAborted(promise, signal)
  }

  /** Everything that the engine has of this node, sandboxes included; the table is then what it says. */
  async list(signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    const before = new Set(this.#byId.keys())
    const query = { all: 1, filters: { label: ownerFilter(this.#owner) } }
    const request = { path: '/containers/json', query }
    const listed = await this.#engine.client.json<readonly ContainerSummary[]>(request, { signal })
    const all = listed.filter(({ Labels }) => isOwn(this.#owner, Labels))
    const ours = all.filter(({ Labels }) => readLabels(Labels)?.kind === 'container')
    await inBatches(ours, maxInspections, async (summary) => {
      if (!this.#isCurrent(summary)) await this.refresh(summary.Id, signal)
    })
    const ids = new Set(ours.map(({ Id }) => Id))
    for (const id of this.#discarded) if (!ids.has(id)) this.#discarded.delete(id)
    for (const id of before) {
      const known = this.#byId.get(id)
      if (known && !ids.has(known.engineId)) this.#lose(known)
    }
    return all
  }

  /** Looks at one container; tells of it when it has changed. */
  async refresh(engineId: string, signal: AbortSignal): Promise<KnownContainer | undefined> {
    const path = `/containers/${engineId}/json`
    try {
      const inspected = await this.#engine.client.json<ContainerInspect>({ path }, { signal })
      return this.take(inspected)
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.gone(engineId)
      return undefined
    }
  }

  /** Takes in what the engine says of a container; undefined for one that is not ours or never ran. */
  take(inspected: ContainerInspect): KnownContainer | undefined {
    if (!isOwn(this.#owner, inspected.Config.Labels)) return undefined
    if (this.#discarded.has(inspected.Id)) return undefined
    const { kind } = this.#engine
    const isOutOfMemory = this.#outOfMemory.wasKilled(inspected)
    const known = knownContainer(inspected, { type: kind, isOutOfMemory })
    if (!known) return undefined
    const id = idOf(known.run.key)
    const before = this.#byId.get(id)
    const isNews = JSON.stringify(before?.run.state) !== JSON.stringify(known.run.state)
    this.#byId.set(id, known)
    this.#runByEngineId.set(known.engineId, id)
    if (isNews) this.#tell(known.run)
    return known
  }

  /** The engine does not have it any more, without us having removed it. */
  gone(engineId: string): void {
    const known = this.#byId.get(this.#runByEngineId.get(engineId) ?? '')
    if (known) this.#lose(known)
  }

  /** This one is removed now, and its end is that of no run: another one gets its name. */
  discard(engineId: string): void {
    this.#discarded.add(engineId)
  }

  /** We removed it. */
  forget(key: ContainerKey): void {
    const known = this.get(key)
    if (known) this.#runByEngineId.delete(known.engineId)
    this.#byId.delete(idOf(key))
  }

  #lose(known: KnownContainer): void {
    this.forget(known.run.key)
    const { state } = known.run
    if (state.kind !== 'running') return
    const { startedAtMs } = state
    this.#tell({ ...known.run, state: { kind: 'lost', startedAtMs } })
  }

  #isCurrent({ Id, State }: ContainerSummary): boolean {
    const known = this.#byId.get(this.#runByEngineId.get(Id) ?? '')
    if (!known) return false
    return (State === 'running') === (known.run.state.kind === 'running')
  }

  #tell(run: RuntimeContainer): void {
    for (const notify of this.#listeners) notify(run)
  }
}
