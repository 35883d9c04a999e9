// SPDX-License-Identifier: Apache-2.0
// What the backend says of the node, kept up to date: asked for when it announces a change, else now
// and then. The last good answer stands while newer ones fail.
import type { CallContext, NodeDescription, PodProvider } from '../provider/provider.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { runLoop } from '../util/run-loop.ts'
import { messageOf, VkError } from '../util/vk-error.ts'
import { Alarm } from './alarm.ts'
import { singleFlight } from '../util/deadline.ts'
import { checkDescription, refusedLabels } from './node-object.ts'

export interface NodeDescriberOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Between two questions to a backend that announces no changes. */
  readonly pollMs: number
  /** Between two questions to one that does. */
  readonly watchedPollMs: number
  readonly timeoutMs: number
  readonly random: () => number
  /** Called when the description is another than before. */
  readonly onChange: () => void
}

/** Knows the backend's newest description of the node; begins to ask at `start`. */
export class NodeDescriber implements AsyncDisposable {
  readonly #provider: Pick<PodProvider, 'describeNode' | 'watchNode'>
  readonly #options: NodeDescriberOptions
  readonly #ask: ReturnType<typeof singleFlight<NodeDescription>>
  readonly #alarm: Alarm
  readonly #stop = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #watch: Disposable | undefined
  #loop: Promise<void> | undefined
  #description: NodeDescription | undefined
  #text = ''
  #failures = 0
  #error: string | undefined

  constructor(
    provider: Pick<PodProvider, 'describeNode' | 'watchNode'>,
    options: NodeDescriberOptions,
  ) {
    this.#provider = provider
    this.#options = options
    this.#alarm = new Alarm(options.clock)
    this.#ask = singleFlight((signal) => this.#describe({ signal, log: options.log }))
  }

  start(): void {
    const context = { ...this.#options, signal: this.#stop.signal }
    this.#watch ??= this.#provider.watchNode?.(() => this.#alarm.ring())
    this.#loop ??= runLoop('node-description', () => this.#turn(), context)
  }

  /** Resolves when the backend has answered or failed to for the first time. */
  get whenAsked(): Promise<void> {
    return this.#first.promise
  }

  get description(): NodeDescription | undefined {
    return this.#description
  }

  /** Why there is no description yet. */
  get obstacle(): string | undefined {
    if (this.#description !== undefined) return undefined
    return `provider has not described the node: ${this.#error ?? 'no answer yet'}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]()
    this.#stop.abort(new VkError('Unavailable', 'Cannot describe the node: it has ended'))
    await this.#loop
  }

  async #describe(context: CallContext): Promise<NodeDescription> {
    const description = await this.#provider.describeNode(context)
    checkDescription(description)
    return description
  }

  async #turn(): Promise<void> {
    const { clock, timeoutMs } = this.#options
    const { signal } = this.#stop
    const message = `provider did not answer for ${timeoutMs / 1000}s`
    try {
      this.#accept(await this.#ask({ clock, timeoutMs, message, signal }))
    } catch (error) {
      if (signal.aborted) return
      this.#failed(error)
    }
    this.#first.resolve()
    await this.#alarm.sleep(this.#pauseMs(), signal)
  }

  #pauseMs(): number {
    const { pollMs, watchedPollMs, random } = this.#options
    const retries = { baseMs: 1000, factor: 2, capMs: pollMs, jitter: 0.2 }
    if (this.#failures > 0) return backoffMs(this.#failures, retries, random)
    return this.#watch === undefined ? pollMs : watchedPollMs
  }

  #accept(description: NodeDescription): void {
    const { log, onChange } = this.#options
    if (this.#failures > 0) log.info({}, 'Provider describes the node again')
    this.#failures = 0
    const text = JSON.stringify(description)
    if (text === this.#text) return
    this.#text = text
    this.#description = description
    const labels = refusedLabels(description)
    if (labels.length > 0) log.warn({ labels }, 'Left out labels that a node may not give itself')
    onChange()
  }

  #failed(error: unknown): void {
    const { log, onChange } = this.#options
    const text = messageOf(error)
    this.#failures++
    if (this.#error !== text || this.#failures === 1) {
      log.warn({ error: text }, 'Cannot learn from the provider what the node is like')
    }
    if (this.#description === undefined && this.#error !== text) onChange()
    this.#error = text
  }
}
