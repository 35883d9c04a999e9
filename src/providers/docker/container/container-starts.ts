// SPDX-License-Identifier: Apache-2.0
// Starts containers. A run's name is made of its key, so a start that is repeated after a lost reply or a
// crash finds what the first one left: it is taken as it is if it has run, waited for if it is being started, and
// made anew if it is not.
import type { CallContext, PodRef } from '../../../provider/provider.ts'
import type { ContainerStart, RuntimeContainer } from '../../../runtime/container-runtime.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { EngineError, hasLostSandbox, isNameInUse, isNotFound } from '../engine/engine-error.ts'
import type { ContainerInspect, CreateBody } from '../engine/engine-objects.ts'
import { engineName, idOf, isOwn, readLabels, type Owner } from './container-labels.ts'
import type { ContainerTable } from './container-table.ts'
import { removeContainer } from './remove-container.ts'

export interface StartParts {
  readonly engine: Engine
  readonly owner: Owner
  readonly table: ContainerTable
  /** What the container is created with; makes sure of its image first. */
  bodyOf(start: ContainerStart, context: CallContext): Promise<CreateBody>
  /** What has to be done with a container between its create and its start. */
  prepare?(start: ContainerStart, engineId: string, signal: AbortSignal): Promise<void>
}

/** Starts, one for each run at a time. */
export class ContainerStarts {
  readonly #parts: StartParts
  readonly #underWay = new Map<string, Promise<RuntimeContainer>>()
  /** Engine ids of those whose start was asked for, and nobody knows what became of it. */
  readonly #asked = new Map<string, PodRef>()

  constructor(parts: StartParts) {
    this.#parts = parts
  }

  /** Starts the container, or returns the one of this key. */
  start(start: ContainerStart, context: CallContext): Promise<RuntimeContainer> {
    const id = idOf(start.key)
    const known = this.#parts.table.get(start.key)
    if (known) return Promise.resolve(known.run)
    const underWay = this.#underWay.get(id)
    if (underWay) return underWay
    const started = this.#start(start, context).finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, started)
    return started
  }

  /** Resolves when no start of this pod is under way; there will be no other. */
  async settled(uid: string): Promise<void> {
    const own = [...this.#underWay].filter(([id]) => id.startsWith(`${uid}/`))
    await Promise.allSettled(own.map(([, started]) => started))
    for (const [id, pod] of this.#asked) if (pod.uid === uid) this.#asked.delete(id)
  }

  async #start(start: ContainerStart, context: CallContext): Promise<RuntimeContainer> {
    const body = await this.#parts.bodyOf(start, context)
    context.signal.throwIfAborted()
    const { client } = this.#parts.engine
    // From here on an abort must not leave us in doubt about what runs.
    const { signal } = new AbortController()
    const found = await this.#create(start, { body, signal })
    if (typeof found !== 'string') return found
    try {
      await this.#parts.prepare?.(start, found, signal)
    } catch (error) {
      await this.#drop(found, signal)
      throw createError(error)
    }
    try {
      this.#asked.set(found, start.key.pod)
      await client.text({ method: 'POST', path: `/containers/${found}/start` }, { signal })
      this.#asked.delete(found)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      this.#asked.delete(found)
      await this.#drop(found, signal)
      // Nothing of it has run; the pod gets another sandbox, and the container another start.
      if (hasLostSandbox(error)) throw createError(error)
      throw new VkError('Internal', error.message, { cause: error, podReason: 'RunContainerError' })
    }
    const run = await this.#parts.table.refresh(found, signal)
    if (run) return run.run
    throw new VkError('Unavailable', 'the container vanished while it was started')
  }

  /** The engine's id of a new container, or the run that was started before. */
  async #create(
    { key }: ContainerStart,
    { body, signal }: { readonly body: CreateBody; readonly signal: AbortSignal },
  ): Promise<string | RuntimeContainer> {
    const { client } = this.#parts.engine
    const name = engineName(key.pod, key)
    const request = { method: 'POST', path: '/containers/create', query: { name }, body } as const
    for (let tries = 0; ; tries += 1) {
      try {
        return (await client.json<{ Id: string }>(request, { signal })).Id
      } catch (error) {
        if (!isNameInUse(error)) throw createError(error)
        const known = await this.#adopt(name, { id: idOf(key), signal })
        if (known) return known
        if (tries > 2) throw createError(error)
      }
    }
  }

  /** What has the name: a run that was started, or the id of one that is being started; else it is removed. */
  async #adopt(
    name: string,
    { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<RuntimeContainer | string | undefined> {
    const { engine, table, owner } = this.#parts
    const path = `/containers/${name}/json`
    let inspected: ContainerInspect
    try {
      inspected = await engine.client.json<ContainerInspect>({ path }, { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
    const labelled = readLabels(inspected.Config.Labels)
    const isOurs = isOwn(owner, inspected.Config.Labels)
    if (!isOurs || labelled?.kind !== 'container' || idOf(labelled.key) !== id) {
      throw createError(new VkError('Conflict', 'another container has the name'))
    }
    const known = table.take(inspected)
    if (known) return known.run
    // The engine may still be at it. Asked again, it says when it is done.
    if (this.#asked.has(inspected.Id)) return inspected.Id
    await this.#drop(inspected.Id, signal)
    return undefined
  }

  async #drop(id: string, signal: AbortSignal): Promise<void> {
    this.#parts.table.discard(id)
    await removeContainer(this.#parts.engine.client, id, signal).catch(() => {
      // What is left is found by its name when the run is tried again, and by the sweep.
    })
  }
}

function createError(error: unknown): unknown {
  if (!(error instanceof EngineError) && !(error instanceof VkError)) return error
  const { code } = error
  return new VkError(code, messageOf(error), { cause: error, podReason: 'CreateContainerError' })
}
